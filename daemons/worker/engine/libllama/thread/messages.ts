/**
 * What the main thread and the thread of llama.cpp send each other. Pointers are sent as numbers.
 *
 * @module
 */
import type { Odds } from "../../engine.ts";
import type { Mirostat } from "./mirostat.ts";

/** How a model's file is loaded. */
export interface ModelOrder {
  readonly path: string;
  /** Name of the device that holds the layers; undefined: the CPU. */
  readonly device: string | undefined;
  /** Layers on the device; undefined: all. */
  readonly gpuLayers: number | undefined;
  readonly mapsFile: boolean;
  readonly locksMemory: boolean;
}

/** What is known of a loaded model. */
export interface ModelFacts {
  readonly model: number;
  readonly vocabulary: number;
  readonly vocabularySize: number;
  readonly architecture: string;
  readonly trainedContext: number;
  readonly vectorLength: number;
  readonly isRecurrent: boolean;
  readonly isHybrid: boolean;
  /** Tokens of its sliding window; 0: none. */
  readonly window: number;
  /** Whether a token sees only those before it. */
  readonly isCausal: boolean;
  /** Whether its file says that it ranks. */
  readonly ranks: boolean;
  readonly template: string | undefined;
  readonly toolTemplate: string | undefined;
  readonly rankTemplate: string | undefined;
  /** Name of its pre-tokenizer. */
  readonly preTokenizer: string;
}

/** A context to create. */
export interface ContextOrder {
  readonly model: number;
  readonly sequences: number;
  /** Tokens of a sequence. */
  readonly contextPerSequence: number;
  readonly batchSize: number;
  /** Most outputs of a batch. */
  readonly outputs: number;
  readonly threads: number;
  readonly flashAttention: number;
  /** Numbers of ggml's types; undefined: f16. */
  readonly keyType: number | undefined;
  readonly valueType: number | undefined;
}

/** Tokens of one sequence to evaluate. */
export interface PartOrder {
  readonly sequence: number;
  /** Position of the first of the tokens in the sequence. */
  readonly position: number;
  readonly tokens: readonly number[];
  /** Number of last tokens whose outputs are kept. */
  readonly outputs: number;
  /** Pointer of an adapter; 0: none. */
  readonly adapter: number;
  /** Whether the chosen token will be evaluated next, if nothing comes in between. */
  readonly goesOn?: boolean;
  /** What to do with the outputs. */
  readonly choose?: ChooseOrder | undefined;
  readonly score?: ScoreOrder | undefined;
}

/** What XTC takes. */
export interface Xtc {
  readonly probability: number;
  readonly threshold: number;
  /** Candidates that it keeps at least. */
  readonly kept: number;
}

/** Chooses tokens after the outputs of a part. */
export interface ChooseOrder {
  /** Pointer of the chain, without XTC, what comes after it, and the sampler that chooses. */
  readonly chain: number;
  /** XTC, which comes after the chain: it is new for each choice, as its chance is. */
  readonly xtc?: Xtc | undefined;
  /** Pointer of the chain after XTC; 0: none. */
  readonly after: number;
  /** Seeds of the choices, one for each output. */
  readonly seeds: readonly number[];
  /** Whether a token is drawn; otherwise the most probable one is chosen. */
  readonly draws: boolean;
  /** Mirostat chooses, from this state on. */
  readonly mirostat?: Mirostat & { readonly mu: number } | undefined;
  /** Tokens that end this answer, beside those that end any. */
  readonly stops: readonly number[];
  /** Whether the chain remembers what it chose. */
  readonly remembers: boolean;
  /** Pointer of the state of a grammar; 0: none. */
  readonly grammar: number;
  /** Whether the grammar is given up where it allows nothing. */
  readonly isLazy: boolean;
  /** The tokens after the first output; choices go on while they are equal. */
  readonly guessed: readonly number[];
  /** Number of most probable tokens to read; undefined: no odds. */
  readonly odds: number | undefined;
  /** Whether odds are those after sampling. */
  readonly isPostSampling: boolean;
}

/** Reads how probable given tokens are after the outputs of a part. */
export interface ScoreOrder {
  readonly next: readonly number[];
  readonly count: number;
}

/** A chosen token, or why there is none. */
export type Choice =
  | {
    readonly token: number;
    readonly odds?: Odds;
    readonly gaveUp?: boolean;
    /** Mirostat's state after it. */
    readonly mirostatMu?: number;
  }
  | { readonly none: "grammar" | "numbers" };

/** What became of a part. */
export type PartResult =
  | { readonly choices: readonly Choice[]; readonly scores: readonly Odds[] }
  | { readonly error: string };

/** Cells of a sequence to remove, from a position on. */
export interface Cut {
  readonly context: number;
  readonly sequence: number;
  readonly from: number;
}

/** The orders, by name: what they take and what they answer. */
export interface Orders {
  open: { take: { folder: string; onlyCpu: boolean }; answer: { devices: readonly DeviceFacts[] } };
  model: { take: ModelOrder; answer: ModelFacts };
  adapter: { take: { model: number; path: string }; answer: number };
  context: { take: ContextOrder; answer: { context: number } };
  step: { take: StepOrder; answer: readonly PartResult[] };
  /** Chooses after further outputs of the last step. */
  choose: {
    take: { context: number; sequence: number; output: number; choose: ChooseOrder };
    answer: readonly Choice[];
  };
  save: { take: SequenceFile & { tokens: Uint32Array }; answer: number };
  restore: { take: SequenceFile & { limit: number }; answer: Uint32Array };
  vectors: { take: VectorsOrder; answer: readonly (Float32Array | string)[] };
  /** Callbacks into JavaScript end here: they must not be called from other threads. */
  loaded: { take: Record<string, never>; answer: true };
  free: { take: { samplers: readonly number[] }; answer: true };
  close: { take: Record<string, never>; answer: true };
}

/** One step of a context. */
export interface StepOrder {
  readonly context: number;
  readonly cuts: readonly Cut[];
  readonly threads: number;
  readonly parts: readonly PartOrder[];
}

/** A saved sequence. */
export interface SequenceFile {
  readonly context: number;
  readonly cuts: readonly Cut[];
  readonly sequence: number;
  readonly path: string;
}

/** Inputs of which vectors or ranks are computed, each alone in its context. */
export interface VectorsOrder {
  readonly model: number;
  readonly inputs: readonly (readonly number[])[];
  /** Most tokens of an input. */
  readonly contextSize: number;
  readonly threads: number;
  readonly ranks: boolean;
}

/** A device as the main thread needs it. */
export interface DeviceFacts {
  readonly name: string;
  readonly description: string;
  readonly isGpu: boolean;
  readonly backend: string;
}

/** What the main thread sends. */
export interface Order {
  readonly id: number;
  readonly name: keyof Orders;
  readonly take: Orders[keyof Orders]["take"];
}

/** What the thread sends. */
export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string; readonly log: readonly string[] }
  | { readonly progress: number }
  | { readonly log: readonly [level: number, text: string] };

/** Bytes of the shared memory: the first is a C string that is empty unless a load or decode is to stop. */
export const SHARED_BYTES = 64;
/**
 * Places in the shared memory, as 32-bit integers: 1 and the sequence for which a grammar chooses, or 0;
 * and how many times such work began or ended.
 */
export const SHARED = { choosing: 4, count: 5 } as const;
