import type { LlamaSettings } from "#shared/config/llama.ts";
import { DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { DEFAULT_BATCH, SCORED_AT_ONCE } from "../engine.ts";
import { CONSTANTS } from "./c/abi.ts";
import type { Memory } from "./held/cut_range.ts";
import { holdsAll, memoryOf, mostGuesses } from "./memory.ts";
import type { ContextOrder, ModelFacts } from "./thread/messages.ts";

/** What decides the context of a model. */
export interface ContextShape {
  readonly slots: number;
  /** Tokens of a slot; undefined: {@linkcode contextOf}. */
  readonly context: number | undefined;
  readonly settings: LlamaSettings;
  readonly maxThreads: number;
  /** Whether tokens are guessed and checked in it. */
  readonly guesses: boolean;
  /** Whether all tokens of a part may have outputs, as where a prompt is scored. */
  readonly scores: boolean;
  /** Tokens of a picture that must be evaluated at once: a batch holds them. */
  readonly wholeTokens?: number;
}

/** How a context is made, and what it can do. */
export interface ContextPlan {
  readonly order: ContextOrder;
  readonly memory: Memory;
  /** Most tokens that are guessed at once; 0: none are. */
  readonly guesses: number;
}

/** Plans the context of a model, for all of its slots. */
export function planContext(
  facts: ModelFacts,
  { slots, context, settings, maxThreads, guesses, scores, wholeTokens = 0 }: ContextShape,
): ContextPlan {
  const batchSize = Math.max(settings.batch_size ?? DEFAULT_BATCH, wholeTokens);
  const contextPerSlot = contextOf(facts, context);
  const shape = { contextPerSlot, batchSize };
  const memory = memoryOf(facts, shape);
  const most = guesses ? mostGuesses(settings, memory, batchSize) : 0;
  const order = {
    model: facts.model,
    sequences: slots,
    contextPerSequence: contextPerSlot,
    batchSize,
    outputs: scores ? outputsOf(batchSize, slots, most) : slots,
    threads: maxThreads,
    flashAttention: FLASH_ATTENTION[settings.flash_attention ?? "auto"],
    keyType: settings.cache_type_k && CACHE_TYPES[settings.cache_type_k],
    valueType: settings.cache_type_v && CACHE_TYPES[settings.cache_type_v],
    holdsAll: holdsAll(facts, shape),
    window: memory.kind === "recurrent" ? 0 : memory.window,
    rollback: memory.kind === "recurrent" ? most : 0,
    drafts: settings.speculative === "mtp" ? most : 0,
    // A guess has several outputs.
    shortlists: settings.backend_sampling === true && most === 0,
  };
  return { order, memory, guesses: most };
}

/** Tokens of a slot. */
export function contextOf(
  { trainedContext }: Pick<ModelFacts, "trainedContext">,
  asked: number | undefined,
): number {
  return asked ?? Math.min(trainedContext || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
}

/** Whether a model generates: bidirectional encoders and models with a ranking head do not. */
export function generates({ isCausal, ranks }: Pick<ModelFacts, "isCausal" | "ranks">): boolean {
  return isCausal && !ranks;
}

/**
 * Most outputs of a batch: what all slots ask for in a step while they generate, or one part that is scored.
 *
 * @param guesses Most tokens of a guess.
 */
export function outputsOf(batchSize: number, slots: number, guesses: number): number {
  // llama.cpp wants one for each slot, even in batches that cannot have so many.
  return Math.max(slots, Math.min(batchSize, Math.max(SCORED_AT_ONCE, slots * (1 + guesses))));
}

/** Values of `llama_flash_attn_type`. */
const FLASH_ATTENTION = {
  auto: CONSTANTS.LLAMA_FLASH_ATTN_TYPE_AUTO,
  off: CONSTANTS.LLAMA_FLASH_ATTN_TYPE_DISABLED,
  on: CONSTANTS.LLAMA_FLASH_ATTN_TYPE_ENABLED,
} as const;

/** Values of `ggml_type`. */
const CACHE_TYPES = {
  f32: CONSTANTS.GGML_TYPE_F32,
  f16: CONSTANTS.GGML_TYPE_F16,
  q4_0: CONSTANTS.GGML_TYPE_Q4_0,
  q4_1: CONSTANTS.GGML_TYPE_Q4_1,
  q5_0: CONSTANTS.GGML_TYPE_Q5_0,
  q5_1: CONSTANTS.GGML_TYPE_Q5_1,
  q8_0: CONSTANTS.GGML_TYPE_Q8_0,
  iq4_nl: CONSTANTS.GGML_TYPE_IQ4_NL,
  bf16: CONSTANTS.GGML_TYPE_BF16,
} as const;
