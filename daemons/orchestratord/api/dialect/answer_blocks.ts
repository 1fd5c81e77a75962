import type { ChosenLogprob, JobEvent, ToolCall } from "#shared/contracts/mod.ts";

/** A part of an answer: its text, a thought, or a call. */
export type Block =
  | { readonly kind: "text" | "reasoning"; readonly index: number }
  | {
    readonly kind: "call";
    /** Which block of the answer, from 0. */
    readonly index: number;
    readonly id: string;
    readonly name: string;
  };

/** How an answer grows: its blocks follow each other, and one is open at a time. */
export type BlockStep =
  | { readonly step: "open"; readonly block: Block }
  | {
    readonly step: "more";
    readonly block: Block;
    /** Of a call: the next part of its arguments, as the model writes them. */
    readonly text: string;
    /** Only of text, and only if the request asks for them. */
    readonly logprobs?: readonly ChosenLogprob[];
  }
  | { readonly step: "close"; readonly block: Block; readonly text: string };

/** A block with its whole text, or as much as came of it. */
export type WholeBlock = Block & { readonly text: string };

/**
 * Sorts the events of a job into blocks, for dialects whose answers are lists of such. White space
 * that stands alone before a thought or a call is part of how models write, and no block.
 */
export class AnswerBlocks {
  readonly #blocks: WholeBlock[] = [];
  #open: Block | undefined;
  #text = "";
  /** White space that is text only if more text follows. */
  #space: { text: string; logprobs: ChosenLogprob[] } | undefined;
  /** Index of the last call that came in parts; -1: none. */
  #lastCall = -1;

  /** The steps that an event makes. */
  take(event: JobEvent): BlockStep[] {
    if (event.event === "end") return this.#end(event.data.tool_calls ?? []);
    if (event.event !== "token") return [];
    const { t, channel, call, logprobs } = event.data;
    if (call) {
      const steps = call.index > this.#lastCall
        ? this.#begin({ kind: "call", id: call.id ?? "", name: call.name ?? "" })
        : [];
      this.#lastCall = call.index;
      return [...steps, ...this.#more(t)];
    }
    if (channel === "reasoning") return this.#grow("reasoning", t);
    return this.#grownText(t, logprobs);
  }

  /** All blocks that were closed so far. */
  get blocks(): readonly WholeBlock[] {
    return this.#blocks;
  }

  /** Closes the open block, at the end of an answer that broke off too. */
  close(): BlockStep[] {
    const block = this.#open;
    if (!block) return [];
    this.#open = undefined;
    const text = this.#text;
    this.#blocks.push({ ...block, text });
    return [{ step: "close", block, text }];
  }

  #grownText(t: string, logprobs: readonly ChosenLogprob[] | undefined): BlockStep[] {
    if (this.#open?.kind === "text") return this.#more(t, logprobs);
    this.#space ??= { text: "", logprobs: [] };
    this.#space.text += t;
    this.#space.logprobs.push(...logprobs ?? []);
    return this.#space.text.trim() === "" ? [] : this.#spaceAsText();
  }

  /** Gives what was held back as text. */
  #spaceAsText(): BlockStep[] {
    const held = this.#space;
    if (!held || held.text === "") return [];
    return [
      ...this.#begin({ kind: "text" }),
      ...this.#more(held.text, held.logprobs.length > 0 ? held.logprobs : undefined),
    ];
  }

  #end(calls: readonly ToolCall[]): BlockStep[] {
    const steps = calls.length === 0 ? this.#spaceAsText() : [];
    // Some workers give calls only at the end.
    for (const { id, function: { name, arguments: text } } of calls.slice(this.#lastCall + 1)) {
      steps.push(...this.#begin({ kind: "call", id, name }), ...this.#more(text));
    }
    return [...steps, ...this.close()];
  }

  #grow(kind: "text" | "reasoning", text: string): BlockStep[] {
    const steps = this.#open?.kind === kind ? [] : this.#begin({ kind });
    return [...steps, ...this.#more(text)];
  }

  #begin(
    begun: { kind: "text" | "reasoning" } | { kind: "call"; id: string; name: string },
  ): BlockStep[] {
    const steps = this.close();
    const block: Block = { ...begun, index: this.#blocks.length };
    this.#open = block;
    this.#text = "";
    this.#space = undefined;
    return [...steps, { step: "open", block }];
  }

  #more(text: string, logprobs?: readonly ChosenLogprob[]): BlockStep[] {
    const block = this.#open;
    if (!block || text === "" && !logprobs) return [];
    this.#text += text;
    return logprobs ? [{ step: "more", block, text, logprobs }] : [{ step: "more", block, text }];
  }
}
