/**
 * llama.cpp through the internals of node-llama-cpp. Everything that goes beyond the library's
 * types is here. It fits the version pinned in `deno.json`; another version is detected when a
 * model is loaded, instead of by wrong output later. docs/adr/0015 says why.
 *
 * @module
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  Llama,
  type LlamaContext,
  type LlamaGrammarEvaluationState,
  type LlamaModel,
  type LlamaOptions,
} from "node-llama-cpp";

/** Result of {@linkcode NativeContext.sampleToken} if there is no token to choose. */
export const NO_TOKEN = -1;

/** Sampling parameters with the addon's names; an absent one is off. */
export interface SamplerConfig {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyMaxTokens?: number;
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
  readonly grammarEvaluationState?: object;
}

/** A sampler. It holds memory for each token of the vocabulary until it is garbage-collected. */
export interface NativeSampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

/** A chosen token, all probabilities (token, probability, …, highest first), and its own. */
export type NativeChoice = readonly [
  token: number,
  probabilities?: readonly number[],
  confidence?: number,
];

/** A context. No method may be called while `decodeBatch` runs. */
export interface NativeContext {
  /** Begins a batch of at most this many tokens. */
  initBatch(tokens: number): void;
  /** Adds tokens to the batch; returns the rows of the logits for the tokens at `outputs`. */
  addToBatch(
    sequence: number,
    position: number,
    tokens: Uint32Array,
    outputs: Uint32Array,
  ): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(
    row: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
  ): Promise<NativeChoice>;
  /** Removes positions from `start` to before `end` (-1: to the end); false if the model cannot. */
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  /** Removes all of a sequence. */
  disposeSequence(sequence: number): void;
  setThreads(threads: number): void;
  setLoras(adapters: readonly object[], scales: readonly number[]): void;
  saveSequenceStateToFile(path: string, sequence: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequence: number, limit: number): Promise<Uint32Array>;
}

const CONTEXT_METHODS: readonly (keyof NativeContext)[] = [
  ...["initBatch", "addToBatch", "decodeBatch", "sampleToken"] as const,
  ...["removeTokenCellsFromSequence", "disposeSequence", "setThreads", "setLoras"] as const,
  ...["saveSequenceStateToFile", "loadSequenceStateFromFile"] as const,
];

/** A share of the threads of all contexts of the process. */
interface ThreadsConsumer {
  getAllocationToConsume():
    | ThreadsAllocation
    | Promise<ThreadsAllocation>;
  dispose(): void;
}

type ThreadsAllocation = readonly [threads: number, handle: { dispose(): void }];

interface SamplerClass {
  new (model: object): NativeSampler;
  acceptGrammarEvaluationStateToken?(state: object, token: number): void;
}

interface LlamaClass {
  _create?(parts: Record<string, unknown>): Promise<Llama>;
}

interface LlamaInternals {
  readonly _bindings?: { readonly AddonSampler?: SamplerClass };
  readonly _threadsSplitter?: { createConsumer?(wanted: number, least: number): ThreadsConsumer };
}

interface ModelInternals {
  readonly _model?: object & { isEogToken?(token: number): boolean };
  _getOrLoadLora?(path: string): Promise<object>;
}

/**
 * Opens the build of llama.cpp in a folder. The library itself would first test it in another
 * process, which takes longer than all the rest. A worker does not need that: if it crashes, its
 * pool manager sees it.
 */
export async function openBuild(folder: string, options: LlamaOptions): Promise<Llama> {
  const require = createRequire(import.meta.url);
  const bindingPath = join(folder, "llama-addon.node");
  const buildMetadata = JSON.parse(
    await Deno.readTextFile(join(folder, "_nlcBuildMetadata.json")),
  );
  const create = (Llama as unknown as LlamaClass)._create ?? missing("_create");
  return await create.call(Llama, {
    ...{ bindings: require(bindingPath), bindingPath, buildType: "prebuilt", buildMetadata },
    ...{ vramPadding: 0, ramPadding: 0, debug: false, ...options },
  });
}

/** The native context of the library's context. */
export function nativeContext(context: LlamaContext): NativeContext {
  const native = (context as unknown as { readonly _ctx?: NativeContext })._ctx ?? missing("_ctx");
  for (const name of CONTEXT_METHODS) if (typeof native[name] !== "function") missing(name);
  return native;
}

/** Creates a sampler for a model's tokens. */
export function nativeSampler(model: LlamaModel): NativeSampler {
  const { _model } = model as unknown as ModelInternals;
  return new (samplerClass(model.llama))(_model ?? missing("_model"));
}

/**
 * Whether a token ends a generation. The library counts the vocabulary's end of a turn among those
 * tokens, with which some models only end a thought.
 */
export function endsGeneration(model: LlamaModel, token: number): boolean {
  const { _model } = model as unknown as ModelInternals;
  if (typeof _model?.isEogToken !== "function") missing("isEogToken");
  return token === model.tokens.eos || _model!.isEogToken!(token);
}

/** Loads an adapter for a model. */
export function nativeLora(model: LlamaModel, path: string): Promise<object> {
  const internals = model as unknown as ModelInternals;
  if (!internals._getOrLoadLora) missing("_getOrLoadLora");
  return internals._getOrLoadLora!(path);
}

/** The native object of a grammar's state. */
export function nativeGrammar(state: LlamaGrammarEvaluationState): object {
  return (state as unknown as { readonly _state?: object })._state ?? missing("_state");
}

/**
 * Advances a grammar by a token that it did not sample.
 *
 * @throws if the grammar does not allow it
 */
export function acceptToken(llama: Llama, grammar: object, token: number): void {
  const accept = samplerClass(llama).acceptGrammarEvaluationStateToken ??
    missing("acceptGrammarEvaluationStateToken");
  accept(grammar, token);
}

/**
 * Runs `work` with this context's share of the threads, as the library's own contexts do: more
 * threads than cores slow llama.cpp down by orders of magnitude.
 */
export async function withThreads<T>(
  llama: Llama,
  wanted: number,
  work: (threads: number) => Promise<T>,
): Promise<T> {
  const splitter = (llama as unknown as LlamaInternals)._threadsSplitter;
  const consumer = splitter?.createConsumer?.(wanted, 1) ?? missing("_threadsSplitter");
  try {
    const [threads, handle] = await consumer.getAllocationToConsume();
    try {
      return await work(threads);
    } finally {
      handle.dispose();
    }
  } finally {
    consumer.dispose();
  }
}

function samplerClass(llama: Llama): SamplerClass {
  return (llama as unknown as LlamaInternals)._bindings?.AddonSampler ?? missing("AddonSampler");
}

function missing(name: string): never {
  throw new Error(`Cannot find ${name} in node-llama-cpp: its version is not the pinned one`);
}
