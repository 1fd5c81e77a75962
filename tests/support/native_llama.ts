/**
 * The functions of llama.cpp that tests of models call without a binding between them.
 *
 * Symbols and structs are those of the bundled version, on Linux with 64 bits. A process that has
 * loaded node-llama-cpp must not use it: both would load the backends.
 *
 * @module
 */
import { join } from "node:path";
import { cpuBinaries } from "../../daemons/worker/engine/libllama/c/carried.ts";

const MODEL_PARAMS = {
  struct: [
    ...["pointer", "pointer", "i32", "i32", "i32", "i32", "i32"] as const,
    ...["pointer", "pointer", "pointer", "pointer"] as const,
    ...["u8", "u8", "u8", "u8", "u8", "u8"] as const,
  ],
} as const;
/** Offsets in `llama_model_params`. */
const MODEL = { gpuLayers: 16, loadMtp: 77 } as const;

const CONTEXT_PARAMS = {
  struct: [
    ...["u32", "u32", "u32", "u32", "u32", "u32", "u32", "i32", "i32"] as const,
    ...["i32", "i32", "i32", "i32", "i32"] as const,
    ...["f32", "f32", "f32", "f32", "f32", "f32", "u32", "f32"] as const,
    ...["pointer", "pointer", "i32", "i32", "pointer", "pointer"] as const,
    ...["u8", "u8", "u8", "u8", "u8", "u8", "pointer", "usize", "pointer"] as const,
  ],
} as const;
/** Offsets in `llama_context_params`. */
const CONTEXT = {
  context: 0,
  batch: 4,
  sequences: 12,
  rollback: 16,
  threads: 28,
  threadsOfBatches: 32,
  type: 36,
  keyType: 104,
  valueType: 108,
  other: 152,
} as const;
/** `LLAMA_CONTEXT_TYPE_MTP`. */
const MTP = 1;
/** `GGML_TYPE_F32`. */
const F32 = 0;

const BATCH = {
  struct: ["i32", "pointer", "pointer", "pointer", "pointer", "pointer", "pointer"],
} as const;

const SYMBOLS = {
  llama_backend_init: { parameters: [], result: "void" },
  llama_model_default_params: { parameters: [], result: MODEL_PARAMS },
  llama_context_default_params: { parameters: [], result: CONTEXT_PARAMS },
  llama_model_load_from_file: { parameters: ["buffer", MODEL_PARAMS], result: "pointer" },
  llama_model_free: { parameters: ["pointer"], result: "void" },
  llama_model_is_hybrid: { parameters: ["pointer"], result: "bool" },
  llama_model_is_recurrent: { parameters: ["pointer"], result: "bool" },
  llama_model_n_swa: { parameters: ["pointer"], result: "i32" },
  llama_model_n_layer_nextn: { parameters: ["pointer"], result: "i32" },
  llama_model_n_embd_out: { parameters: ["pointer"], result: "i32" },
  llama_model_get_vocab: { parameters: ["pointer"], result: "pointer" },
  llama_vocab_n_tokens: { parameters: ["pointer"], result: "i32" },
  llama_init_from_model: { parameters: ["pointer", CONTEXT_PARAMS], result: "pointer" },
  llama_free: { parameters: ["pointer"], result: "void" },
  llama_decode: { parameters: ["pointer", BATCH], result: "i32" },
  llama_get_logits_ith: { parameters: ["pointer", "i32"], result: "pointer" },
  llama_get_memory: { parameters: ["pointer"], result: "pointer" },
  llama_memory_seq_rm: { parameters: ["pointer", "i32", "i32", "i32"], result: "bool" },
  // These are C++: their names carry their parameters.
  setDraftStates: {
    name: "_Z26llama_set_embeddings_nextnP13llama_contextbb",
    parameters: ["pointer", "bool", "bool"],
    result: "void",
  },
  draftState: {
    name: "_Z30llama_get_embeddings_nextn_ithP13llama_contexti",
    parameters: ["pointer", "i32"],
    result: "pointer",
  },
} as const;

function open() {
  const folder = cpuBinaries();
  if (folder === undefined) throw new Error("No binaries of llama.cpp are installed");
  const library = (name: string) => {
    const file = [...Deno.readDirSync(folder)]
      .find((entry) => entry.name.startsWith(`${name}.`) && entry.name.endsWith(".so"));
    if (!file) throw new Error(`There is no ${name} in ${folder}`);
    return join(folder, file.name);
  };
  const { symbols: ggml } = Deno.dlopen(library("libggml"), {
    ggml_backend_load_all_from_path: { parameters: ["buffer"], result: "void" },
  });
  const { symbols } = Deno.dlopen(library("libllama"), SYMBOLS);
  symbols.llama_backend_init();
  ggml.ggml_backend_load_all_from_path(text(folder));
  return symbols;
}

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

let symbols: ReturnType<typeof open> | undefined;
const llama = () => symbols ??= open();

/** A model on the CPU, with its layers that draft. */
export class NativeModel implements Disposable {
  readonly pointer: Deno.PointerValue;

  /** @throws {Error} if llama.cpp does not load the file */
  constructor(path: string) {
    const params = llama().llama_model_default_params();
    const view = new DataView(params.buffer);
    view.setInt32(MODEL.gpuLayers, 0, true);
    view.setUint8(MODEL.loadMtp, 1);
    this.pointer = llama().llama_model_load_from_file(text(path), params);
    if (this.pointer === null) throw new Error(`Cannot load ${path}`);
  }

  get isHybrid(): boolean {
    return llama().llama_model_is_hybrid(this.pointer);
  }

  get isRecurrent(): boolean {
    return llama().llama_model_is_recurrent(this.pointer);
  }

  /** Tokens of the sliding window; 0 without one. */
  get window(): number {
    return llama().llama_model_n_swa(this.pointer);
  }

  /** Blocks for multi-token prediction. */
  get draftLayers(): number {
    return llama().llama_model_n_layer_nextn(this.pointer);
  }

  get width(): number {
    return llama().llama_model_n_embd_out(this.pointer);
  }

  get vocabulary(): number {
    return llama().llama_vocab_n_tokens(llama().llama_model_get_vocab(this.pointer));
  }

  [Symbol.dispose](): void {
    llama().llama_model_free(this.pointer);
  }
}

/** Options of a {@linkcode NativeContext}. */
export interface NativeContextOptions {
  /** States of a recurrent memory that it keeps to go back to. @default 0 */
  readonly rollback?: number;
  /** Drafts for this context. */
  readonly draftsFor?: NativeContext;
}

/** A context of one sequence and 512 tokens. */
export class NativeContext implements Disposable {
  readonly #pointer: Deno.PointerValue;
  readonly #model: NativeModel;

  /** @throws {Error} if llama.cpp does not make it */
  constructor(model: NativeModel, { rollback = 0, draftsFor }: NativeContextOptions = {}) {
    this.#model = model;
    const params = llama().llama_context_default_params();
    const view = new DataView(params.buffer);
    view.setUint32(CONTEXT.context, 512, true);
    view.setUint32(CONTEXT.batch, 512, true);
    view.setUint32(CONTEXT.sequences, 1, true);
    view.setUint32(CONTEXT.rollback, rollback, true);
    view.setInt32(CONTEXT.threads, 1, true);
    view.setInt32(CONTEXT.threadsOfBatches, 1, true);
    // So results differ least with the sizes of batches.
    view.setInt32(CONTEXT.keyType, F32, true);
    view.setInt32(CONTEXT.valueType, F32, true);
    if (draftsFor) {
      view.setInt32(CONTEXT.type, MTP, true);
      view.setBigUint64(CONTEXT.other, Deno.UnsafePointer.value(draftsFor.#pointer), true);
    }
    this.#pointer = llama().llama_init_from_model(model.pointer, params);
    if (this.#pointer === null) throw new Error("Cannot create a context");
  }

  /** Keeps the hidden states that a context that drafts takes; of each token, or of those with logits. */
  keepDraftStates(which: "all" | "with logits"): void {
    llama().setDraftStates(this.#pointer, true, which === "with logits");
  }

  /**
   * Decodes tokens from a position on, with logits of each.
   *
   * @param states For each token a hidden state of the one before, where the context drafts.
   * @throws {Error} if it fails
   */
  decode(tokens: readonly number[], position: number, states?: readonly Float32Array[]): void {
    const count = tokens.length;
    const ids = Int32Array.from(tokens);
    const embeddings = new Float32Array(count * this.#model.width);
    states?.forEach((state, at) => embeddings.set(state, at * this.#model.width));
    const positions = Int32Array.from(tokens, (_, at) => position + at);
    const sequenceCounts = new Int32Array(count).fill(1);
    const sequence = new Int32Array(1);
    const sequences = new BigUint64Array(count).fill(address(sequence));
    const logits = new Int8Array(count).fill(1);
    const parts = [ids, states && embeddings, positions, sequenceCounts, sequences, logits];
    const batch = new BigUint64Array([
      BigInt(count),
      ...parts.map((part) => part === undefined ? 0n : address(part)),
    ]);
    const code = llama().llama_decode(this.#pointer, new Uint8Array(batch.buffer));
    // Only addresses of them were passed: this keeps them alive until here.
    if (code !== 0) throw new Error(`Cannot decode ${[sequence, ...parts].length} parts: ${code}`);
  }

  /** The likeliest token after a token of the last batch. */
  best(at: number): number {
    const logits = this.#floats(
      llama().llama_get_logits_ith(this.#pointer, at),
      this.#model.vocabulary,
    );
    return logits.reduce((best, logit, id) => logit > logits[best]! ? id : best, 0);
  }

  /** The hidden state of a token of the last batch. */
  draftState(at: number): Float32Array {
    return this.#floats(llama().draftState(this.#pointer, at), this.#model.width);
  }

  /** Whether the tokens from a position on were removed. */
  cutBack(position: number): boolean {
    const memory = llama().llama_get_memory(this.#pointer);
    return llama().llama_memory_seq_rm(memory, 0, position, -1);
  }

  [Symbol.dispose](): void {
    llama().llama_free(this.#pointer);
  }

  #floats(pointer: Deno.PointerValue, count: number): Float32Array {
    if (pointer === null) throw new Error("There is no such token in the last batch");
    return new Float32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 4 * count)).slice();
  }
}

function address(part: BufferSource): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(part));
}
