import { type Emit, escaped } from "./json_text.ts";

/** Writes the text between two marks as JSON text. */
export interface ValueWriter {
  push(text: string): void;
  /** The value is whole. */
  end(): void;
  /** Nothing follows, and the value is not whole. */
  cut(): void;
}

/** A string, written as it grows. A line's end at both its ends may belong to the marks. */
export class StringValue implements ValueWriter {
  readonly #lines: boolean;
  readonly #emit: Emit;
  #isStarted = false;
  /** A line's end or half of a surrogate pair, kept until the next text comes. */
  #held = "";

  constructor(lines: boolean, emit: Emit) {
    this.#lines = lines;
    this.#emit = emit;
  }

  push(text: string): void {
    let whole = this.#held + text;
    if (!this.#isStarted) {
      this.#emit('"');
      if (this.#lines && whole.startsWith("\n")) whole = whole.slice(1);
      this.#isStarted = true;
    }
    this.#held = /[\ud800-\udbff]$/.test(whole) || this.#lines && whole.endsWith("\n")
      ? whole.slice(-1)
      : "";
    const sure = whole.slice(0, whole.length - this.#held.length);
    if (sure !== "") this.#emit(escaped(sure));
  }

  end(): void {
    if (!this.#isStarted) this.#emit('"');
    if (this.#held !== "\n") this.#emit(escaped(this.#held));
    this.#emit('"');
  }

  cut(): void {
    if (this.#held !== "\n" && this.#held !== "") this.#emit(escaped(this.#held));
  }
}

/** A value whose type is known only when its text is whole. */
export class HeldValue implements ValueWriter {
  readonly #lines: boolean;
  readonly #give: Emit;
  readonly #parts: string[] = [];

  constructor(lines: boolean, give: Emit) {
    this.#lines = lines;
    this.#give = give;
  }

  push(text: string): void {
    this.#parts.push(text);
  }

  end(): void {
    const text = this.#parts.join("");
    this.#give(this.#lines ? text.replace(/^\n/, "").replace(/\n$/, "") : text);
  }

  cut(): void {}
}
