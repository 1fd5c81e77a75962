import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import type { LlamaSettings } from "#shared/config/llama.ts";
import { Batcher } from "./batcher.ts";
import { type NativeContext, nativeContext, withThreads } from "./native.ts";
import { LlamaSequence, type Predictor } from "./sequence.ts";

/** A context with its sequences, which are evaluated together. */
export interface Group {
  readonly context: LlamaContext;
  readonly native: NativeContext;
  readonly batcher: Batcher;
  readonly sequences: readonly LlamaSequence[];
}

/** Options of {@linkcode openGroup}. */
export interface GroupOptions {
  readonly slots: number;
  /** Tokens of a slot. */
  readonly contextPerSlot: number;
  readonly batchSize: number;
  readonly settings: LlamaSettings;
  /** Most threads that {@linkcode threads} may return. */
  readonly maxThreads: number;
  /** Threads of the next step. */
  readonly threads: () => number;
  readonly signal: AbortSignal;
  /** The predictor of a slot. */
  readonly predictor?: (slot: number) => Predictor | undefined;
}

/** Creates a context of a model. */
export async function openGroup(model: LlamaModel, options: GroupOptions): Promise<Group> {
  const { slots, contextPerSlot, batchSize, settings, signal } = options;
  const context = await model.createContext({
    contextSize: contextPerSlot,
    sequences: slots,
    batchSize,
    threads: options.maxThreads,
    flashAttention: flashAttention(settings),
    ...cacheTypes(settings),
    failedCreationRemedy: false,
    createSignal: signal,
  });
  const native = nativeContext(context);
  const batcher = new Batcher({
    native,
    batchSize: context.batchSize,
    compute: (decode) =>
      withThreads(model.llama, options.threads(), (threads) => {
        native.setThreads(threads);
        return decode();
      }),
  });
  const { isRecurrent, isHybrid, swaSize } = model.fileInsights;
  const canCut = !isRecurrent && !isHybrid && swaSize === undefined;
  const sequences = Array.from({ length: context.totalSequences }, (_, id) =>
    new LlamaSequence({
      ...{ id, model, native, batcher, canCut },
      context: contextPerSlot,
      predictor: canCut ? options.predictor?.(id) : undefined,
    }));
  return { context, native, batcher, sequences };
}

function flashAttention({ flash_attention = "auto" }: LlamaSettings): boolean | "auto" {
  return flash_attention === "auto" ? "auto" : flash_attention === "on";
}

/** Cache types with llama.cpp's names. */
function cacheTypes({ cache_type_k, cache_type_v }: LlamaSettings) {
  const named = (type: string) => type.toUpperCase() as "F16";
  return {
    ...(cache_type_k ? { experimentalKvCacheKeyType: named(cache_type_k) } : {}),
    ...(cache_type_v ? { experimentalKvCacheValueType: named(cache_type_v) } : {}),
  };
}
