/**
 * What the main thread and the thread of llama.cpp send each other. Pointers are sent as numbers.
 *
 * @module
 */
import type { TensorOverride } from "#shared/config/llama.ts";
import type { Odds } from "../../engine.ts";

/** How a model's file is loaded. */
export interface ModelOrder {
  readonly path: string;
  /** Names of the devices that hold the layers; none: the CPU. */
  readonly devices: readonly string[];
  /** Layers on the devices; undefined: all. */
  readonly gpuLayers: number | undefined;
  /** How several devices divide it. */
  readonly split: "layer" | "row" | "tensor" | "none";
  /** Parts on the devices; none: by their free memory. */
  readonly ratio: readonly number[];
  readonly overrides: readonly TensorOverride[];
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
  /** Feed-forwards among which a token takes its way; 0: it is no mixture of experts. */
  readonly experts: number;
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
  /** Whether the device may find the most probable tokens; see {@linkcode ChooseOrder.fromShortlist}. */
  readonly shortlists: boolean;
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

/** Chooses tokens after the outputs of a part. */
export interface ChooseOrder {
  /** Pointer of the chain, without the sampler that chooses. */
  readonly chain: number;
  /** Seeds of the choices, one for each output; undefined: the most probable token. */
  readonly seeds: readonly number[] | undefined;
  /** Whether only the most probable tokens can be chosen, as many as a shortlist has. */
  readonly fromShortlist: boolean;
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
  | { readonly token: number; readonly odds?: Odds; readonly gaveUp?: boolean }
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
  /** 0 if it does not say. */
  readonly freeBytes: number;
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
