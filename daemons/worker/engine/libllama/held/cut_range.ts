/** What llama.cpp's memory of a sequence can be cut back to. */
export type Memory =
  /**
   * Any length; once it was read back, only those whose last `window` tokens it has: llama.cpp writes no others,
   * whatever it holds. 0: there is no window.
   */
  | { readonly kind: "whole"; readonly window: number }
  /** Lengths whose last `window` tokens it still has; it keeps `spare` tokens more than the window. */
  | { readonly kind: "window"; readonly window: number; readonly spare: number }
  /** Only within the last batch, by the tokens that were guessed in it. */
  | { readonly kind: "recurrent" };

/** Knows which earlier lengths a sequence can be cut back to as it is, without a checkpoint. */
export class CutRange {
  readonly #memory: Memory;
  /** Tokens of a window before this one may be gone. */
  #first = 0;
  /** Last tokens that a recurrent state can be taken back by. */
  #undoable = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /**
   * Whether a cut is right.
   *
   * @param held Tokens of the sequence now.
   */
  allows(length: number, held: number): boolean {
    const memory = this.#memory;
    switch (memory.kind) {
      case "whole":
      case "window":
        return memory.window === 0 || this.#first <= Math.max(0, length - memory.window + 1);
      case "recurrent":
        return held - length <= this.#undoable;
    }
  }

  /**
   * Tokens were evaluated.
   *
   * @param length Tokens of the sequence, with those that may be evaluated ahead.
   * @param undoable Last tokens of one batch that can be taken back.
   */
  evaluated(length: number, undoable = 0): void {
    const memory = this.#memory;
    this.#undoable = undoable;
    if (memory.kind !== "window") return;
    this.#first = Math.max(this.#first, length - memory.window - memory.spare);
  }

  /** The state of that length was read back: no more of a window than is needed there. */
  restored(length: number): void {
    this.#undoable = 0;
    const window = this.#memory.kind === "recurrent" ? 0 : this.#memory.window;
    this.#first = window === 0 ? 0 : Math.max(0, length - window);
  }

  /** Nothing can be taken back any more, since something else may be computed first. */
  settle(): void {
    this.#undoable = 0;
  }
}
