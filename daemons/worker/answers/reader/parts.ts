/** A part of an answer, in the order of its text. */
export type Part =
  | { readonly kind: "text" | "reasoning"; readonly text: string }
  | { readonly kind: "call"; readonly index: number; readonly name: string }
  | { readonly kind: "arguments"; readonly index: number; readonly text: string };

/** Characters in what the model wrote; those of the prompt's end are before 0. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Collects parts; those that follow each other and are alike become one. */
export class Parts {
  #parts: Part[] = [];
  #spans: Span[] = [];
  #calls: number;

  /** @param calls how many calls came before */
  constructor(calls = 0) {
    this.#calls = calls;
  }

  get calls(): number {
    return this.#calls;
  }

  /** @param at where it stood */
  text(kind: "text" | "reasoning", text: string, at: number): void {
    if (text === "") return;
    if (kind === "text") this.#spans.push({ from: at, to: at + text.length });
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

  /** Adds calls. */
  add(parts: readonly Part[]): void {
    for (const part of parts) {
      if (part.kind === "call") this.begin(part.name);
      else if (part.kind === "arguments") this.arguments(part.text);
    }
  }

  takeAll(): Part[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** Where the text of the answer stood that was added since the last time. */
  takeSpans(): Span[] {
    const spans = this.#spans;
    this.#spans = [];
    return spans;
  }
}
