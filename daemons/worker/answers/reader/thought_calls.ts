import type { CallSyntax } from "../../chat/syntax.ts";
import { CallReader, type CallReaderOptions } from "./call_reader.ts";
import { type Part, Parts } from "./parts.ts";
import type { EmitText } from "./text_flow.ts";

/**
 * Calls in a thought. They are held back with their text, since they count only if nothing follows
 * them; otherwise they were mentioned and are thought.
 */
export class ThoughtCalls {
  readonly #syntax: CallSyntax;
  readonly #options: Omit<CallReaderOptions, "sink">;
  readonly #emit: EmitText;
  #reader: CallReader | undefined;
  #parts = new Parts();
  #text: string[] = [];
  #start = 0;

  constructor(
    syntax: CallSyntax,
    options: Omit<CallReaderOptions, "sink">,
    emit: EmitText,
  ) {
    this.#syntax = syntax;
    this.#options = options;
    this.#emit = emit;
  }

  /** Where the calls begin. */
  get start(): number {
    return this.#start;
  }

  /** Adds a mark that may begin a call. */
  open(mark: string, at: number): void {
    if (!this.#reader) {
      this.#start = at;
      this.#parts = new Parts();
      this.#reader = new CallReader(this.#syntax, {
        ...this.#options,
        isSingle: false,
        sink: this.#parts,
      });
    }
    this.push(mark, at);
  }

  /** Adds text of the thought. */
  push(text: string, at: number): void {
    if (!this.#reader) {
      this.#emit(text, at);
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
    if (text !== "") this.#emit(text, this.#start);
  }

  /** Ends the thought; returns the calls that it ended with. */
  end(isCut: boolean): Part[] {
    if (this.#reader?.state === "between" && this.#reader.hasCalls && !isCut) {
      const parts = this.#parts.takeAll();
      if (!this.#options.isSingle) return parts;
      return parts.filter((part) => "index" in part && part.index === 0);
    }
    this.drop();
    return [];
  }
}
