/**
 * What the main thread and the thread of llama.cpp send each other. Pointers are sent as numbers.
 *
 * @module
 */
import type { TensorOverride } from "#shared/config/llama.ts";
import type { ErrorCode } from "#shared/errors.ts";
import type { Odds } from "../../engine.ts";
import type { Mirostat } from "./mirostat.ts";
import type { Ranking } from "./ranking.ts";

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
  /** Whether its layers that draft are loaded, if it has some. */
  readonly drafts: boolean;
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
  /** Layers that draft, for multi-token prediction; 0: none. */
  readonly draftLayers: number;
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
  /** Whether caches of windows hold all tokens, not only those that are still seen. */
  readonly holdsAll: boolean;
  /** Tokens of the window that decides what can be cut; 0: none does. */
  readonly window: number;
  /** Tokens that a recurrent state can be taken back by, within the last batch. */
  readonly rollback: number;
  /** Most tokens that the model's own layers draft at once; 0: they draft nothing. */
  readonly drafts: number;
  /** Whether its memory is not to be huge pages. */
  readonly smallPages?: boolean;
}

/** Tokens of a sequence to draft. */
export interface DraftOrder {
  readonly sequence: number;
  /** The last token, which is not evaluated yet, and its position. */
  readonly token: number;
  readonly position: number;
  readonly count: number;
}

/** A picture or sound for libmtmd: decoded, and no file any more. */
export type MediumOrder =
  | {
    readonly kind: "image";
    readonly width: number;
    readonly height: number;
    readonly rgb: Uint8Array<ArrayBuffer>;
  }
  | { readonly kind: "sound"; readonly samples: Float32Array<ArrayBuffer> };

/** What libmtmd makes of a medium, in the order of the prompt: text around it, and pieces to encode. */
export type PieceFacts =
  | { readonly tokens: readonly number[] }
  | {
    /** Its number, by which it is encoded. */
    readonly piece: number;
    readonly count: number;
    /** Positions that it takes in a prompt; fewer than its tokens with M-RoPE. */
    readonly positions: number;
    /** Whether its tokens see each other, so that they must be evaluated at once. */
    readonly isWhole: boolean;
    readonly places: Places | undefined;
  };

/** Where the tokens of a piece are, with M-RoPE: four numbers for each, all first ones before all second ones. */
export interface Places {
  readonly numbers: Int32Array<ArrayBuffer>;
  /** Whether the fourth ones count from the position of the piece, as the others do. */
  readonly movesLast: boolean;
}

/** What is known of a projector. */
export interface MediaFacts {
  readonly sees: boolean;
  readonly hears: boolean;
  /** Samples of a second of sound; 0 if it hears nothing. */
  readonly sampleRate: number;
  /** Tokens of a large picture that must be evaluated at once; 0: none must. */
  readonly wholeTokens: number;
  /** Whether positions are not counts of tokens. */
  readonly usesPlaces: boolean;
  /** Bytes of an encoded token. */
  readonly tokenBytes: number;
}

/** An encoded piece: the numbers of each of its tokens, one token after the other, in shared memory. */
export interface Encoded {
  readonly numbers: SharedArrayBuffer;
  readonly isWhole: boolean;
  readonly places: Places | undefined;
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
  /** What its tokens stand for, if they are those of a picture or of sound; then it has no outputs. */
  readonly media?: Encoded;
  /** Checkpoints to keep, in the order of their lengths; none is where outputs are kept before it. */
  readonly keep?: readonly Keep[];
}

/** A checkpoint: what a sequence's memory has that cannot be cut back. */
export interface Keep {
  readonly id: number;
  /** Tokens of the sequence at that time. */
  readonly length: number;
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
  /** Whether only the most probable tokens can be chosen, as many as a shortlist has. */
  readonly fromShortlist: boolean;
  /** Whether the chain remembers what it chose. */
  readonly remembers: boolean;
  /** Pointer of the state of a grammar; 0: none. */
  readonly grammar: number;
  /** How few candidates the chain needs; undefined: all. */
  readonly ranking?: Ranking | undefined;
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
  | {
    readonly choices: readonly Choice[];
    readonly scores: readonly Odds[];
    /** Bytes of the checkpoints that were kept; 0: there was nothing to keep. */
    readonly kept?: readonly number[];
  }
  | { readonly error: string };

/** Cells of a sequence to remove, from a position on. */
export interface Cut {
  readonly context: number;
  readonly sequence: number;
  readonly from: number;
  /** Checkpoint of that length to go back to; undefined: the memory can be cut there. */
  readonly checkpoint?: number | undefined;
}

/** The orders, by name: what they take and what they answer. */
export interface Orders {
  /** Checks the files that a load on the CPU opens, if only one is possible, while its settings are still read. */
  check: { take: Record<string, never>; answer: true };
  /**
   * Opens the libraries; a second order for the same folder only lists the devices again. Without `allocates`,
   * models and contexts get no memory, and llama.cpp logs what they would get.
   */
  open: {
    take: { folder: string; onlyCpu: boolean; allocates: boolean };
    answer: { devices: readonly DeviceFacts[] };
  };
  model: { take: ModelOrder; answer: ModelFacts };
  /** Loads a file into main memory up to where its weights would be read. */
  beginModel: { take: ModelOrder; answer: true };
  /** What llama.cpp has said of memory since the last call; nothing if it allocates. */
  memoryLines: { take: Record<string, never>; answer: readonly string[] };
  adapter: { take: { model: number; path: string }; answer: number };
  context: {
    take: ContextOrder;
    /** Of `rollback`, what the model's architecture can do. */
    answer: { context: number; rollback: number };
  };
  step: { take: StepOrder; answer: readonly PartResult[] };
  /** Chooses after further outputs of the last step. */
  choose: {
    take: { context: number; sequence: number; output: number; choose: ChooseOrder };
    answer: readonly Choice[];
  };
  /** Drafts with the model's own layers. */
  draft: {
    take: { context: number; cuts: readonly Cut[]; drafts: readonly DraftOrder[] };
    answer: readonly (readonly number[])[];
  };
  /** The checkpoints follow what llama.cpp writes. */
  save: {
    take: SequenceFile & { tokens: Uint32Array; checkpoints: readonly number[] };
    answer: number;
  };
  /** `end` is where what llama.cpp wrote ends. */
  restore: {
    take: SequenceFile & { limit: number };
    answer: { tokens: Uint32Array; end: number };
  };
  /** Reads a checkpoint from a file. */
  readCheckpoint: {
    take: { context: number; id: number; path: string; at: number; bytes: number };
    answer: true;
  };
  /** Bytes of a copy of a sequence, without checkpoints. */
  stateSize: { take: SequenceOrder; answer: number };
  /** Copies a sequence with some of its checkpoints; answers the number of the copy. */
  keepState: { take: SequenceOrder & { checkpoints: readonly number[] }; answer: number };
  /** Puts a copy into an empty sequence; `checkpoints` are the numbers that its own get, in their order. */
  putState: {
    take: SequenceOrder & { id: number; checkpoints: readonly (number | undefined)[] };
    answer: true;
  };
  forgetState: { take: { context: number; id: number }; answer: true };
  /** Opens libmtmd in a thread of its own, with the projector of a model that another thread has open. */
  openMedia: {
    take: {
      folder: string;
      media: string;
      model: number;
      path: string;
      threads: number;
      usesGpu: boolean;
    };
    answer: MediaFacts;
  };
  medium: { take: MediumOrder; answer: readonly PieceFacts[] };
  encode: { take: { piece: number }; answer: SharedArrayBuffer };
  /** Frees the media of these pieces. */
  forgetMedia: { take: { pieces: readonly number[] }; answer: true };
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
  /** Checkpoints that nobody will go back to. */
  readonly forget: readonly number[];
  readonly threads: number;
  readonly parts: readonly PartOrder[];
}

/** A sequence as a whole, after some cuts. */
export interface SequenceOrder {
  readonly context: number;
  readonly cuts: readonly Cut[];
  readonly sequence: number;
}

/** A saved sequence. */
export interface SequenceFile extends SequenceOrder {
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
  | {
    readonly id: number;
    readonly error: string;
    /** It is an error of its own, with this code. */
    readonly code: ErrorCode | undefined;
    readonly log: readonly string[];
  }
  | { readonly progress: number }
  | { readonly log: readonly [level: number, text: string] };

/** Bytes of the shared memory: the first is a C string that is empty unless a load or decode is to stop. */
export const SHARED_BYTES = 64;
/**
 * Places in the shared memory, as 32-bit integers: 1 and the sequence for which a grammar chooses, or 0;
 * and how many times such work began or ended.
 */
export const SHARED = { choosing: 4, count: 5 } as const;
