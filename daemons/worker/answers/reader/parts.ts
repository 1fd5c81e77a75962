/** A part of an answer, in the order of its text. */
export type Part =
  | { readonly kind: "text" | "reasoning"; readonly text: string }
  | { readonly kind: "call"; readonly index: number; readonly name: string }
  | { readonly kind: "arguments"; readonly index: number; readonly text: string };

/** Collects parts; those that follow each other and are alike become one. */
export class Parts {
  #parts: Part[] = [];
  #calls: number;

  /** @param calls how many calls came before */
  constructor(calls = 0) {
    this.#calls = calls;
  }

  get calls(): number {
    return this.#calls;
  }

  text(kind: "text" | "reasoning", text: string): void {
    if (text === "") return;
    const last = this.#parts.at(-1);
    if (last?.kind === kind) this.#parts[this.#parts.length - 1] = { kind, text: last.text + text };
    else this.#parts.push({ kind, text });
  }

  begin(name: string): void {
    this.#parts.push({ kind: "call", index: this.#calls++, name });
  }

  arguments(text: string): void {
    if (text === "") return;
    const index = this.#calls - 1;
    const last = this.#parts.at(-1);
    if (last?.kind === "arguments") {
      this.#parts[this.#parts.length - 1] = { ...last, text: last.text + text };
    } else this.#parts.push({ kind: "arguments", index, text });
  }

  add(parts: readonly Part[]): void {
    for (const part of parts) {
      if (part.kind === "call") this.begin(part.name);
      else if (part.kind === "arguments") this.arguments(part.text);
      else this.text(part.kind, part.text);
    }
  }

  takeAll(): Part[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }
}
