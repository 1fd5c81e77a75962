import { builtGpuBackends, cpuBinaries } from "../c/carried.ts";
import { CONSTANTS } from "../c/abi.ts";
import { addressOf, cString, pointerAt, textAt } from "../c/c_values.ts";
import { checkAbi } from "../c/check_abi.ts";
import { checkFiles } from "../c/check_files.ts";
import { useSmallPages } from "../c/huge_pages.ts";
import { openedFolder } from "../c/unpack.ts";
import { Context, type ContextParts } from "./context.ts";
import { draftFunctions } from "../c/draft_functions.ts";
import {
  devices,
  freeBytes,
  type Library,
  loadBackends,
  openDependencies,
  openLibrary,
} from "../c/library.ts";
import {
  type ContextOrder,
  type DeviceFacts,
  type ModelFacts,
  type ModelOrder,
  type Order,
  type Orders,
  type Reply,
  SHARED,
} from "./messages.ts";
import { type ModelFields, type ModelParams, modelParams } from "./model_params.ts";
import { nativeFunctions } from "../c/native_functions.ts";
import { MediaHost } from "./media_host.ts";
import { VectorContext } from "./vector_context.ts";

/** Most lines that are kept for the reason of a failure. */
const MOST_LINES = 100;
/** Lines that say what takes memory, and where layers and tensors are; and most lines that are kept. */
const MEMORY_LINE = /buffer size =|: size = .*MiB|layer +\d+(?: assigned to device|: dev =)/;
const MOST_MEMORY_LINES = 100_000;
/** Warnings of what only we choose, where it costs nothing: see `holdsAll` of `memory.ts`. */
const OWN_CHOICE = /: using full-size SWA cache\b/;
/** Most bytes of a value in a model's metadata. */
const VALUE_BYTES = 256;

/** Orders that are worked off after a stop. */
const FREES: ReadonlySet<keyof Orders> = new Set(["free", "close"]);

interface OpenModel {
  readonly pointer: Deno.PointerValue;
  readonly facts: ModelFacts;
  readonly ends: ReadonlySet<number>;
  readonly keeps: ModelParams["keeps"];
}

/** Works off the orders of the main thread. */
export class Host {
  readonly #shared: Int32Array;
  readonly #stop: Uint8Array;
  readonly #send: (reply: Reply) => void;
  readonly #native = nativeFunctions();
  readonly #models = new Map<number, OpenModel>();
  readonly #contexts: Context[] = [];
  readonly #vectors = new Map<string, VectorContext>();
  readonly #callbacks: { close(): void }[] = [];
  readonly #memoryLines: string[] = [];
  /** A folder whose libraries for the CPU are checked. */
  #checked: string | undefined;
  #library: Library | undefined;
  #lines: string[] = [];
  #allocates = true;
  /** Only in the thread that encodes pictures and sound, which has nothing else. */
  #media: MediaHost | undefined;

  constructor(shared: SharedArrayBuffer, send: (reply: Reply) => void) {
    this.#shared = new Int32Array(shared);
    this.#stop = new Uint8Array(shared);
    this.#send = send;
  }

  /** Works off an order. Throws an error that says why it could not, also once it was stopped. */
  handle({ name, take }: Order): unknown {
    if (this.#stop[0] !== 0 && !FREES.has(name)) throw new Error("llama.cpp was stopped");
    const handlers: {
      [Name in keyof Orders]: (take: Orders[Name]["take"]) => Orders[Name]["answer"];
    } = {
      check: () => this.#checkEarly(),
      open: (order) => this.#open(order),
      model: (order) => this.#load(order),
      beginModel: (order) => this.#begin(order),
      memoryLines: () => this.#memoryLines.splice(0),
      adapter: ({ model, path }) => this.#loadAdapter(model, path),
      context: (order) => this.#createContext(order),
      step: (order) => this.#contexts[order.context]!.step(order),
      choose: ({ context, sequence, output, choose }) =>
        this.#contexts[context]!.choose(sequence, output, choose),
      draft: ({ context, cuts, drafts }) => this.#contexts[context]!.draft(cuts, drafts),
      save: (order) => {
        const tokens = order.tokens as Uint32Array<ArrayBuffer>;
        return this.#contexts[order.context]!.save(order, tokens, order.checkpoints);
      },
      restore: (order) => this.#contexts[order.context]!.restore(order, order.limit),
      readCheckpoint: ({ context, id, path, at, bytes }) => {
        this.#contexts[context]!.readCheckpoint(id, path, at, bytes);
        return true;
      },
      stateSize: (order) => this.#contexts[order.context]!.stateSize(order),
      keepState: (order) => this.#contexts[order.context]!.keepState(order, order.checkpoints),
      putState: (order) => {
        this.#contexts[order.context]!.putState(order, order.id, order.checkpoints);
        return true;
      },
      forgetState: ({ context, id }) => {
        this.#contexts[context]!.forgetState(id);
        return true;
      },
      openMedia: (order) => {
        this.#media = new MediaHost(order, this.#native.nothing, (line) => {
          if (this.#lines.length < MOST_LINES) this.#lines.push(line);
          this.#send({ log: [CONSTANTS.GGML_LOG_LEVEL_WARN, line] });
        });
        return this.#media.facts;
      },
      medium: (order) => this.#media!.take(order),
      encode: ({ piece }) => this.#media!.encode(piece),
      forgetMedia: ({ pieces }) => this.#media!.forget(pieces),
      vectors: (order) => this.#computeVectors(order),
      loaded: () => this.#endCallbacks(),
      free: ({ samplers }) => this.#freeSamplers(samplers),
      close: () => this.#close(),
    };
    return (handlers[name] as (take: unknown) => unknown)(take);
  }

  /** Evaluates what the step after this one will probably ask for. */
  goAhead({ context }: Orders["step"]["take"]): void {
    if (this.#stop[0] === 0) this.#contexts[context]!.goAhead();
  }

  /** What llama.cpp has logged since the last order that failed. */
  takeLog(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  get #opened(): Library {
    if (!this.#library) throw new Error("llama.cpp is not open");
    return this.#library;
  }

  #checkEarly(): true {
    // With a GPU's libraries there is a choice.
    const carried = builtGpuBackends().length > 0 ? undefined : cpuBinaries();
    if (carried === undefined) return true;
    const folder = openedFolder(carried);
    try {
      checkFiles(folder, { onlyCpu: true });
      this.#checked = folder;
    } catch {
      // The load will report it.
    }
    return true;
  }

  #open({ folder, onlyCpu, allocates }: Orders["open"]["take"]): { devices: DeviceFacts[] } {
    // It was opened ahead.
    if (this.#library) {
      if (this.#library.folder !== folder) throw new Error(`llama.cpp is open in another folder`);
      this.#endCallbacks();
      this.#listen(this.#library);
      return { devices: this.#devices() };
    }
    if (folder !== this.#checked) checkFiles(folder, { onlyCpu });
    checkAbi(openDependencies(folder));
    const library = openLibrary(folder);
    this.#library = library;
    this.#allocates = allocates;
    this.#listen(library);
    loadBackends(library, onlyCpu);
    return { devices: this.#devices() };
  }

  #devices(): DeviceFacts[] {
    const library = this.#opened;
    const { ggml } = library;
    return devices(library).map(({ pointer, name, description, isGpu }) => ({
      ...{ name, description, isGpu, freeBytes: freeBytes(library, pointer) },
      backend: textAt(ggml.ggml_backend_reg_name(ggml.ggml_backend_dev_backend_reg(pointer))) ??
        "",
    }));
  }

  /** Sends llama.cpp's warnings while it loads, all of which come from this thread. */
  #listen({ llama }: Library): void {
    const log = new Deno.UnsafeCallback(
      { parameters: ["i32", "pointer", "pointer"], result: "void" } as const,
      (level, text) => {
        const { GGML_LOG_LEVEL_WARN, GGML_LOG_LEVEL_ERROR } = CONSTANTS;
        if (!this.#allocates) this.#keepMemoryLine(textAt(text) ?? "");
        if (level !== GGML_LOG_LEVEL_WARN && level !== GGML_LOG_LEVEL_ERROR) return;
        const line = textAt(text)?.trim();
        if (!line || OWN_CHOICE.test(line)) return;
        if (this.#lines.length < MOST_LINES) this.#lines.push(line);
        this.#send({ log: [level, line] });
      },
    );
    this.#callbacks.push(log);
    llama.llama_log_set(log.pointer, null);
  }

  #keepMemoryLine(line: string): void {
    if (MEMORY_LINE.test(line) && this.#memoryLines.length < MOST_MEMORY_LINES) {
      this.#memoryLines.push(line.trim());
    }
  }

  #load(order: ModelOrder): ModelFacts {
    // What gets no memory cannot be mapped either.
    const more = this.#allocates
      ? {}
      : { no_alloc: true, load_mode: CONSTANTS.LLAMA_LOAD_MODE_NONE };
    const { pointer, keeps } = this.#loadFile(order, more, (fraction) => {
      this.#send({ progress: fraction });
      return this.#stop[0] === 0;
    });
    if (pointer === null) throw new Error("llama.cpp cannot load the file");
    return this.#describe(pointer, keeps);
  }

  #begin(order: ModelOrder): true {
    let isAtWeights = false;
    const { pointer } = this.#loadFile({ ...order, devices: [] }, {}, () => {
      isAtWeights = true;
      return false;
    });
    if (pointer !== null) this.#opened.llama.llama_model_free(pointer);
    if (!isAtWeights) throw new Error("llama.cpp cannot load the file");
    return true;
  }

  /** @param onProgress Returns whether the load goes on. */
  #loadFile(
    order: ModelOrder,
    more: ModelFields,
    onProgress: (fraction: number) => boolean,
  ): { pointer: Deno.PointerValue; keeps: ModelParams["keeps"] } {
    const { llama } = this.#opened;
    const progress = new Deno.UnsafeCallback(
      { parameters: ["f32", "pointer"], result: "bool" } as const,
      onProgress,
    );
    try {
      const { params, keeps } = modelParams(this.#opened, order, addressOf(progress.pointer), more);
      const pointer = llama.llama_model_load_from_file(cString(order.path), params);
      return { pointer, keeps };
    } finally {
      // It was needed until here.
      progress.close();
    }
  }

  #describe(pointer: Deno.PointerValue, keeps: ModelParams["keeps"]): ModelFacts {
    const { llama } = this.#opened;
    const vocabulary = llama.llama_model_get_vocab(pointer);
    const vocabularySize = llama.llama_vocab_n_tokens(vocabulary);
    const value = (key: string) => {
      const room = new Uint8Array(VALUE_BYTES);
      const length = llama.llama_model_meta_val_str(
        pointer,
        cString(key),
        room,
        BigInt(room.length),
      );
      return length < 0
        ? undefined
        : new TextDecoder().decode(room.subarray(0, Math.min(length, VALUE_BYTES - 1)));
    };
    const architecture = value("general.architecture") ?? "";
    const template = (name: string | undefined) =>
      textAt(llama.llama_model_chat_template(pointer, name === undefined ? null : cString(name)));
    const facts: ModelFacts = {
      model: addressOf(pointer),
      vocabulary: addressOf(vocabulary),
      vocabularySize,
      architecture,
      trainedContext: llama.llama_model_n_ctx_train(pointer),
      vectorLength: llama.llama_model_n_embd_out(pointer),
      isRecurrent: llama.llama_model_is_recurrent(pointer),
      isHybrid: llama.llama_model_is_hybrid(pointer),
      window: llama.llama_model_n_swa(pointer),
      draftLayers: llama.llama_model_n_layer_nextn(pointer),
      isCausal: value(`${architecture}.attention.causal`) !== "false",
      ranks: value(`${architecture}.pooling_type`) === RANKS,
      experts: Number(value(`${architecture}.expert_count`) ?? 0),
      template: template(undefined),
      toolTemplate: template("tool_use"),
      rankTemplate: template("rerank"),
      preTokenizer: value("tokenizer.ggml.pre") ?? "",
    };
    const ends = new Set<number>([llama.llama_vocab_eos(vocabulary)]);
    for (let token = 0; token < vocabularySize; token++) {
      if (llama.llama_vocab_is_eog(vocabulary, token)) ends.add(token);
    }
    this.#models.set(facts.model, { pointer, facts, ends, keeps });
    return facts;
  }

  #loadAdapter(model: number, path: string): number {
    const adapter = this.#opened.llama.llama_adapter_lora_init(pointerAt(model), cString(path));
    if (adapter === null) throw new Error("llama.cpp cannot load the adapter");
    return addressOf(adapter);
  }

  #createContext(order: ContextOrder): Orders["context"]["answer"] {
    if (order.smallPages) useSmallPages();
    const { facts: { vocabularySize, vectorLength }, ends } = this.#models.get(order.model)!;
    const { llama, folder } = this.#opened;
    const parts: ContextParts = {
      ...{ llama, vocabularySize, width: vectorLength },
      draftFunctions: order.drafts > 0 ? draftFunctions(folder) : undefined,
      ends,
      abort: this.#abort,
      onGrammar: (sequence) => {
        Atomics.store(this.#shared, SHARED.choosing, sequence === undefined ? 0 : sequence + 1);
        Atomics.add(this.#shared, SHARED.count, 1);
      },
    };
    // Trying them out computes, which needs memory.
    const shortlists = order.shortlists && this.#allocates;
    const context = new Context(parts, { ...order, shortlists });
    return { context: this.#contexts.push(context) - 1, rollback: context.rollback };
  }

  /** What llama.cpp asks while it computes. */
  get #abort(): ContextParts["abort"] {
    return {
      callback: this.#native.isNotEmpty,
      data: Deno.UnsafePointer.of(this.#stop as Uint8Array<ArrayBuffer>),
    };
  }

  #computeVectors(order: Orders["vectors"]["take"]): (Float32Array | string)[] {
    const key = `${order.model} ${order.ranks}`;
    let context = this.#vectors.get(key);
    if (!context) {
      const { facts } = this.#models.get(order.model)!;
      context = new VectorContext(this.#opened.llama, order, facts, this.#abort);
      this.#vectors.set(key, context);
    }
    return context.compute(order.inputs);
  }

  #freeSamplers(samplers: readonly number[]): true {
    for (const sampler of samplers) this.#opened.llama.llama_sampler_free(pointerAt(sampler));
    return true;
  }

  /** From here on, other threads may log. */
  #endCallbacks(): true {
    this.#opened.llama.llama_log_set(this.#native.nothing, null);
    for (const callback of this.#callbacks.splice(0)) callback.close();
    this.#lines = [];
    return true;
  }

  #close(): true {
    this.#media?.free();
    if (!this.#library) return true;
    for (const context of this.#contexts.splice(0)) context.free();
    for (const context of this.#vectors.values()) context.free();
    this.#vectors.clear();
    // Adapters are freed with their model.
    for (const { pointer } of this.#models.values()) this.#library.llama.llama_model_free(pointer);
    this.#models.clear();
    this.#endCallbacks();
    return true;
  }
}

/** The value of `pooling_type` in the metadata of models that rank. */
const RANKS = String(CONSTANTS.LLAMA_POOLING_TYPE_RANK);
