const FENCE = "```";

/** Takes text and where it stood in what the model wrote. */
export type EmitText = (text: string, at: number) => void;

/**
 * Text on its way out. White space is held back until other text follows, since it may belong to a
 * mark; a code fence is noticed, since marks in it are text.
 */
export class TextFlow {
  readonly #emit: EmitText;
  #space: { readonly text: string; readonly at: number }[] = [];
  #dropsSpace: boolean;
  #hasText = false;
  #inFence = false;
  #backticks = 0;
  #isLineStart = true;

  /** @param dropsSpace whether white space before the first other character is left out */
  constructor(emit: EmitText, dropsSpace: boolean) {
    this.#emit = emit;
    this.#dropsSpace = dropsSpace;
  }

  /** Whether there was other text than white space. */
  get hasText(): boolean {
    return this.#hasText;
  }

  get inFence(): boolean {
    return this.#inFence;
  }

  /** Whether only white space stands before the next text in its line. */
  get atLineStart(): boolean {
    return this.#isLineStart && this.#backticks === 0;
  }

  push(text: string, at: number): void {
    if (text === "") return;
    this.#watch(text);
    const end = text.trimEnd().length;
    if (end === 0) {
      if (this.#hasText || !this.#dropsSpace) this.#space.push({ text, at });
      return;
    }
    const isFirst = !this.#hasText && this.#dropsSpace;
    const start = isFirst ? text.length - text.trimStart().length : 0;
    this.flush();
    this.#emit(text.slice(start, end), at + start);
    if (end < text.length) this.#space.push({ text: text.slice(end), at: at + end });
    this.#hasText = true;
  }

  /** Leaves out the white space that is held back. */
  drop(): void {
    this.#space = [];
  }

  /** Leaves out the white space up to the next other character. */
  dropAround(): void {
    this.drop();
    this.#dropsSpace = true;
    this.#hasText = false;
  }

  flush(): void {
    for (const { text, at } of this.#space) this.#emit(text, at);
    this.#space = [];
  }

  /** Three backticks at a line's start begin a fence; the next three end it. */
  #watch(text: string): void {
    for (const char of text) {
      if (char === "`") {
        this.#backticks++;
        if (this.#backticks !== FENCE.length) continue;
        if (this.#inFence) this.#inFence = false;
        else if (this.#isLineStart) this.#inFence = true;
        continue;
      }
      if (this.#backticks > 0) this.#isLineStart = false;
      this.#backticks = 0;
      if (char === "\n") this.#isLineStart = true;
      else if (char !== " " && char !== "\t") this.#isLineStart = false;
    }
  }
}
