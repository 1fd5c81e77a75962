import type { CallSyntax } from "../../chat/syntax.ts";
import { CallReader, type CallReaderOptions } from "./call_reader.ts";
import { type Part, Parts } from "./parts.ts";

/**
 * Calls in a thought. They are held back with their text, since they count only if nothing follows
 * them; otherwise they were mentioned and are thought.
 */
export class ThoughtCalls {
  readonly #syntax: CallSyntax;
  readonly #options: Omit<CallReaderOptions, "sink">;
  readonly #emit: (text: string) => void;
  #reader: CallReader | undefined;
  #parts = new Parts();
  #text: string[] = [];

  constructor(
    syntax: CallSyntax,
    options: Omit<CallReaderOptions, "sink">,
    emit: (text: string) => void,
  ) {
    this.#syntax = syntax;
    this.#options = options;
    this.#emit = emit;
  }

  /** Adds a mark that may begin a call. */
  open(mark: string): void {
    if (!this.#reader) {
      this.#parts = new Parts();
      this.#reader = new CallReader(this.#syntax, {
        ...this.#options,
        isSingle: false,
        sink: this.#parts,
      });
    }
    this.push(mark);
  }

  /** Adds text of the thought. */
  push(text: string): void {
    if (!this.#reader) {
      this.#emit(text);
      return;
    }
    this.#text.push(text);
    this.#reader.push(text);
    if (this.#reader.state === "failed" || this.#reader.state === "over") this.drop();
  }

  /** What was held back is thought. */
  drop(): void {
    const text = this.#text.join("");
    this.#text = [];
    this.#reader = undefined;
    if (text !== "") this.#emit(text);
  }

  /** Ends the thought; returns the calls that it ended with. */
  end(isCut: boolean): Part[] {
    if (this.#reader?.state === "between" && !isCut) {
      const parts = this.#parts.takeAll();
      if (!this.#options.isSingle) return parts;
      return parts.filter((part) => "index" in part && part.index === 0);
    }
    this.drop();
    return [];
  }
}
