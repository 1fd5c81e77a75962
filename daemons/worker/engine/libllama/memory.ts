import { FEW_DRAFT_TOKENS, type LlamaSettings } from "#shared/config/llama.ts";
import type { Memory } from "./held/cut_range.ts";
import type { ModelFacts } from "./thread/messages.ts";

/** Most tokens to guess at once, unless configured otherwise. */
const DRAFT_TOKENS = 16;

/** Tokens of a slot, and of a batch. */
export interface CacheShape {
  readonly contextPerSlot: number;
  readonly batchSize: number;
}

/** Facts that decide how a model's memory can be cut. */
export type MemoryFacts = Pick<ModelFacts, "isRecurrent" | "isHybrid" | "window">;

/** What sequences of a model can be cut back to. */
export function memoryOf(facts: MemoryFacts, shape: CacheShape): Memory {
  const { isRecurrent, isHybrid, window } = facts;
  if (isRecurrent || isHybrid) return { kind: "recurrent" };
  return window === 0 || holdsAll(facts, shape)
    ? { kind: "whole", window }
    : { kind: "window", window, spare: shape.batchSize };
}

/**
 * Whether the cache of windows holds all tokens of a slot. It does where that takes no more memory: then
 * it can be cut anywhere. Otherwise it holds the window and a batch, and checkpoints take the place of
 * the rest.
 */
export function holdsAll(
  { window }: Pick<MemoryFacts, "window">,
  { contextPerSlot, batchSize }: CacheShape,
): boolean {
  return contextPerSlot <= window + batchSize;
}

/** What guesses tokens, if something does. */
export function guesserOf(
  { speculative, draft_model }: LlamaSettings,
): "mtp" | "lookup" | "draft" | undefined {
  if (speculative === "mtp" || speculative === "lookup") return speculative;
  return draft_model ? "draft" : undefined;
}

/** Most tokens to guess at once; 0: guesses could not be taken back. */
export function mostGuesses(
  { draft_tokens, speculative }: LlamaSettings,
  { kind }: Memory,
  batchSize: number,
): number {
  const isFew = kind === "recurrent" || speculative === "mtp";
  const most = draft_tokens ?? (isFew ? FEW_DRAFT_TOKENS : DRAFT_TOKENS);
  // llama.cpp ends the process where the states of a guess do not fit into a batch.
  return kind === "recurrent" ? Math.max(0, Math.min(most, batchSize - 2)) : most;
}
