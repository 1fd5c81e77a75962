import type { KeptState, Sampling } from "../engine.ts";
import type { EngineThread } from "./engine_thread.ts";
import { commonLength } from "../common_length.ts";
import { tellingLength, wholeLength } from "../media_tokens.ts";
import { CutRange, type Memory } from "./held/cut_range.ts";

/** What is copied of a sequence, as far as it decides which prompts can go on from it. */
export interface CopiedFacts {
  readonly tokens: readonly number[];
  /** Pointer of the adapter that they were evaluated with; 0: none. */
  readonly adapter: number;
  readonly memory: Memory;
  /** Of the pieces among them that take fewer positions than tokens: where each ends, and how many fewer. */
  readonly shorter: readonly { readonly end: number; readonly less: number }[];
  /** The states in it that it can be taken back to. */
  readonly checkpoints: readonly { readonly length: number; readonly bytes: number }[];
}

/** A copy of a sequence in the thread of llama.cpp. */
export class LibllamaKeptState implements KeptState {
  readonly id: number;
  readonly bytes: number;
  readonly facts: CopiedFacts;
  readonly #thread: EngineThread;
  readonly #context: number;

  constructor(
    id: number,
    bytes: number,
    facts: CopiedFacts,
    where: { readonly thread: EngineThread; readonly context: number },
  ) {
    this.id = id;
    this.bytes = bytes;
    this.facts = facts;
    this.#thread = where.thread;
    this.#context = where.context;
  }

  get length(): number {
    return this.facts.tokens.length;
  }

  sharedPrefix(tokens: readonly number[], { adapter = 0 }: Sampling): number {
    return sharedByCopy(this.facts, tokens, adapter);
  }

  includes(other: KeptState): boolean {
    if (!(other instanceof LibllamaKeptState)) return false;
    const { tokens, adapter } = other.facts;
    return reusable(this.facts, tokens, adapter, (length) => length) === tokens.length;
  }

  forget(): void {
    // It fails only where the thread is about to end.
    this.#thread.call("forgetState", { context: this.#context, id: this.id }).catch(() => {});
  }
}

/** Tokens of a prompt that need not be evaluated after a copy; never its last one. */
export function sharedByCopy(
  facts: CopiedFacts,
  prompt: readonly number[],
  adapter: number,
): number {
  return reusable(facts, prompt, adapter, (length) => {
    const most = Math.min(length, prompt.length - 1);
    return tellingLength(prompt, wholeLength(prompt, most));
  });
}

function reusable(
  { tokens, adapter: own, memory, checkpoints }: CopiedFacts,
  prompt: readonly number[],
  adapter: number,
  bounded: (length: number) => number,
): number {
  if (adapter !== own) return 0;
  const common = bounded(commonLength(tokens, prompt));
  const range = new CutRange(memory);
  range.restored(tokens.length);
  if (range.allows(common, tokens.length)) return common;
  return checkpoints.reduce(
    (best, { length }) => length <= common ? Math.max(best, length) : best,
    0,
  );
}
