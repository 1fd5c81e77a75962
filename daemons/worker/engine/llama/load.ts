import {
  getLlama,
  type Llama,
  type LlamaContext,
  LlamaLogLevel,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import { DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { ChatTemplate } from "../chat_template.ts";
import type { Engine, EngineOptions } from "../engine.ts";
import { builtGpuBackends, chooseGpu, type GpuChoice, showOnlyGpu } from "./backend.ts";
import { LlamaEngine } from "./engine.ts";
import { LlamaVectors } from "./vectors.ts";
import { Batcher } from "./batcher.ts";
import { nativeContext, withThreads } from "./native.ts";
import { LlamaSequence } from "./sequence.ts";

/** Loads a model into llama.cpp and lets it take one step, so that a ready worker really works. */
export async function loadLlama(options: EngineOptions): Promise<Engine> {
  const llama = await startLlama(options);
  try {
    return await loadModel(llama, options);
  } catch (error) {
    await llama.dispose();
    throw error;
  }
}

/** llama.cpp on the CPU, started before it was known for which model. */
let prepared: Llama | undefined;

/** Starts llama.cpp on the CPU for the first model that is loaded there. */
export async function prepareLlama(): Promise<void> {
  prepared = await openLlama(false, () => {});
}

async function startLlama(options: EngineOptions): Promise<Llama> {
  const gpu = chooseGpu(options.gpu, builtGpuBackends());
  if (gpu !== false && options.gpu !== undefined) showOnlyGpu(options.gpu);
  const onWarning = (message: string) => options.onWarning(message.trim());
  try {
    const llama = gpu === false && prepared ? prepared : await openLlama(gpu, onWarning);
    if (llama === prepared) prepared = undefined;
    llama.logger = (_level, message) => onWarning(message);
    // Its own default is at least 4, which on fewer cores is 500 times slower.
    llama.maxThreads = options.threads;
    return llama;
  } catch (error) {
    const wanted = gpu === false ? "the CPU" : options.gpu ? `GPU ${options.gpu}` : "a GPU";
    throw new LlorchError(
      "WORKER_START_FAILED",
      `Cannot start llama.cpp on ${wanted}: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

function openLlama(gpu: GpuChoice, onWarning: (message: string) => void): Promise<Llama> {
  return getLlama({
    gpu,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    maxThreads: 1,
    logLevel: LlamaLogLevel.error,
    logger: (_level, message) => onWarning(message),
  });
}

async function loadModel(llama: Llama, options: EngineOptions): Promise<LlamaEngine> {
  const model = await llama.loadModel({
    modelPath: options.model,
    onLoadProgress: options.onProgress,
    loadSignal: options.signal,
    ...(llama.gpu === false ? {} : { gpuLayers: options.gpuLayers ?? "max" }),
  });
  try {
    return await openContext(llama, model, options);
  } catch (error) {
    // llama.cpp's own dispose can hang while models are still loaded.
    await model.dispose();
    throw error;
  }
}

async function openContext(
  llama: Llama,
  model: LlamaModel,
  options: EngineOptions,
): Promise<LlamaEngine> {
  const contextPerSlot = options.context ??
    Math.min(model.trainContextSize || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const context = !generates(model) ? undefined : await model.createContext({
    contextSize: contextPerSlot,
    sequences: options.slots,
    batchSize: options.batchSize,
    threads: options.threads,
    failedCreationRemedy: false,
    createSignal: options.signal,
  });
  const batcher = context && openBatcher(context);
  const engine = new LlamaEngine({
    llama,
    model,
    context,
    sequences: context ? openSequences(context, batcher!, contextPerSlot) : [],
    vectors: new LlamaVectors(model, {
      contextSize: contextPerSlot,
      threads: options.threads,
      // Two contexts that compute at once crash llama.cpp's Vulkan backend.
      exclusively: (work) => batcher && llama.gpu === "vulkan" ? batcher.between(work) : work(),
    }),
    contextPerSlot,
    vocabularySize: model.fileInfo.metadata.tokenizer?.ggml?.tokens?.length ?? 0,
    chatTemplate: chatTemplate(model, options.onWarning),
  });
  if (context) await trialStep(engine);
  else await trialVector(engine);
  return engine;
}

function openBatcher(context: LlamaContext): Batcher {
  const native = nativeContext(context);
  return new Batcher({
    native,
    batchSize: context.batchSize,
    compute: (decode) =>
      withThreads(context.model.llama, context.idealThreads, (threads) => {
        native.setThreads(threads);
        return decode();
      }),
  });
}

/** Every sequence of a context, computed together. */
function openSequences(
  context: LlamaContext,
  batcher: Batcher,
  contextPerSlot: number,
): LlamaSequence[] {
  const { model } = context;
  const native = nativeContext(context);
  const { isRecurrent, isHybrid, swaSize } = model.fileInsights;
  const canCut = !isRecurrent && !isHybrid && swaSize === undefined;
  return Array.from({ length: context.totalSequences }, (_, id) =>
    new LlamaSequence({
      ...{ id, model, native, batcher, canCut },
      context: contextPerSlot,
      predictor: undefined,
    }));
}

/** A template that cannot be read costs the model its chat, not its life. */
function chatTemplate(
  model: LlamaModel,
  onWarning: (message: string) => void,
): ChatTemplate | undefined {
  const source = model.fileInfo.metadata.tokenizer?.chat_template;
  if (!source) return undefined;
  const text = (token: Token | null) => token === null ? "" : model.detokenize([token], true);
  try {
    return new ChatTemplate(source, {
      tokenize: (part, special) => model.tokenize(part, special),
      bosText: model.tokens.bosString ?? text(model.tokens.bos),
      eosText: model.tokens.eosString ?? text(model.tokens.eos),
    });
  } catch (error) {
    onWarning(`Cannot read the model's chat template: ${errorMessage(error)}`);
    return undefined;
  }
}

/** Encoders that see both ways, and models that end in a ranking head, say nothing. */
function generates(model: LlamaModel): boolean {
  const { causal } = model.fileInfo.architectureMetadata.attention ?? {};
  return causal !== false && !model.fileInsights.supportsRanking;
}

/** Computes one vector or rank, which also makes the context that the model lives for. */
async function trialVector(engine: LlamaEngine): Promise<void> {
  if (engine.capabilities.includes("rerank")) await engine.rank("a", "a");
  else await engine.embed("a");
}

/** Generates one token in the first slot and forgets it. */
async function trialStep(engine: LlamaEngine): Promise<void> {
  const sequence = engine.sequences[0]!;
  const sampling = await engine.createSampling(TRIAL, 0);
  const generation = sequence.generate(engine.tokenize("a"), sampling);
  await generation.next();
  generation.close();
  sequence.trim(0);
}

/** Sampling of the trial step: the most probable token. */
const TRIAL = {
  temperature: 0,
  top_p: 1,
  top_k: 0,
  min_p: 0,
  repetition_penalty: 1,
  frequency_penalty: 0,
  presence_penalty: 0,
  logit_bias: undefined,
  grammar: undefined,
  json_schema: undefined,
  json_schema_strict: undefined,
  tools: undefined,
  tool_choice: undefined,
  logprobs: undefined,
} as const;
