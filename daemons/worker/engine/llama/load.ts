import type { Llama, LlamaModel, Token } from "node-llama-cpp";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import { DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { isRecord } from "#shared/json.ts";
import type { ChatTemplate } from "../../chat/chat_template.ts";
import { openChatTemplate } from "../../chat/open_template.ts";
import type { RawText } from "../../chat/raw_text.ts";
import type { SpecialToken } from "../../chat/tokenizer.ts";
import { physicalCores } from "../../cores.ts";
import { textStack } from "../../stack.ts";
import { DEFAULT_BATCH, type Engine, type EngineOptions } from "../engine.ts";
import { delay } from "#shared/lifecycle.ts";
import { UnusableModelError } from "../../model.ts";
import { isOfTheFile, loadError } from "./load_error.ts";
import { LlamaEngine } from "./engine.ts";
import { LlamaVectors } from "./vectors.ts";
import { calibrate, threadCandidates } from "./calibrate.ts";
import { DraftPredictor } from "./draft.ts";
import { type Group, type GroupOptions, openGroup } from "./group.ts";
import { LookupPredictor } from "./lookup.ts";
import { nativeLora } from "./native.ts";
import { NO_GRAMMARS } from "./grammars.ts";
import { LlamaSampling } from "./sampling.ts";
import { startLlama } from "./start.ts";
import { LlamaTokenizer, type TextVocabulary } from "./tokenizer.ts";

/**
 * Loads a model into llama.cpp and runs one step, so that a ready worker is known to work.
 *
 * @throws {UnusableModelError} if the file is the cause
 * @throws {LlorchError} `WORKER_START_FAILED` for any other cause; the reason of `signal` once it has aborted
 */
export async function loadLlama(options: EngineOptions): Promise<Engine> {
  const lines: string[] = [];
  const llama = await startLlama({
    gpu: options.gpu,
    maxThreads: Math.max(...threadsToTry(options.threads)),
    onWarning(message) {
      if (lines.length < MOST_LINES) lines.push(message);
      options.onWarning(message);
    },
  });
  try {
    return await loadModel(llama, options);
  } catch (error) {
    await llama.dispose();
    options.signal.throwIfAborted();
    if (error instanceof LlorchError) throw error;
    // llama.cpp's output arrives one turn of the event loop after the error.
    await delay(0);
    const reason = loadError(lines) ?? errorMessage(error);
    const message = `Cannot load model "${options.model}": ${reason}`;
    if (isOfTheFile([...lines, reason])) throw new UnusableModelError(message, { cause: error });
    throw new LlorchError("WORKER_START_FAILED", message, { cause: error });
  }
}

/** Most lines of llama.cpp's output that are searched for the reason of a failed load. */
const MOST_LINES = 100;

async function loadModel(llama: Llama, options: EngineOptions): Promise<LlamaEngine> {
  const { draft_model } = options.settings;
  const models: LlamaModel[] = [];
  try {
    models.push(await openModel(llama, options.model, options));
    if (draft_model) {
      models.push(await openModel(llama, draft_model, { ...options, onProgress() {} }));
    }
    return await openEngine(llama, models, options);
  } catch (error) {
    // llama.cpp's own dispose can hang while models are still loaded.
    for (const model of models) await model.dispose();
    throw error;
  }
}

function openModel(
  llama: Llama,
  modelPath: string,
  { settings, signal, onProgress, gpuLayers }: EngineOptions,
): Promise<LlamaModel> {
  return llama.loadModel({
    modelPath,
    onLoadProgress: onProgress,
    loadSignal: signal,
    ...(settings.no_mmap ? { useMmap: false } : {}),
    ...(settings.mlock ? { useMlock: true } : {}),
    gpuLayers: llama.gpu === false ? 0 : gpuLayers ?? "max",
  });
}

async function openEngine(
  llama: Llama,
  models: readonly LlamaModel[],
  options: EngineOptions,
): Promise<LlamaEngine> {
  const [model, draft] = models as [LlamaModel, LlamaModel?];
  const contextPerSlot = options.context ??
    Math.min(model.trainContextSize || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const candidates = threadsToTry(options.threads);
  let threads = candidates[0]!;
  const groupOptions: GroupOptions = {
    slots: options.slots,
    contextPerSlot,
    batchSize: options.settings.batch_size ?? DEFAULT_BATCH,
    settings: options.settings,
    maxThreads: Math.max(...candidates),
    threads: () => threads,
    signal: options.signal,
  };
  const { group: draftGroup, ...guesses }: Guesses = generates(model)
    ? await openPredictor(llama, model, draft, groupOptions)
    : {};
  const group = generates(model)
    ? await openGroup(model, { ...groupOptions, ...guesses })
    : undefined;
  const adapters = new Map<string, object>();
  for (const [name, path] of options.adapters) {
    adapters.set(name, await openAdapter(model, name, path));
  }
  const tokenizer = new LlamaTokenizer(textVocabulary(model), textStack().characters);
  const specials = specialTokens(model);
  const engine = new LlamaEngine({
    llama,
    models: [model, ...draft ? [draft] : []],
    group,
    draftGroup,
    tokenizer,
    vectors: new LlamaVectors(model, {
      tokenizer,
      contextSize: contextPerSlot,
      threads: () => threads,
      // Two contexts that compute at once crash llama.cpp's Vulkan backend.
      exclusively: (work) => group && llama.gpu === "vulkan" ? group.batcher.between(work) : work(),
    }),
    adapters,
    contextPerSlot,
    threads: () => threads,
    vocabularySize: model.fileInfo.metadata.tokenizer?.ggml?.tokens?.length ?? 0,
    specials,
    ...chatTemplate(model, tokenizer, specials, options),
  });
  if (!group) await trialVector(engine);
  else {
    await trialStep(engine);
    if (candidates.length > 1) {
      threads = await calibrate({
        candidates,
        step(count) {
          threads = count;
          return trialStep(engine);
        },
        budgetMs: CALIBRATION_MS,
        now: () => performance.now(),
      });
    }
  }
  return engine;
}

function textVocabulary(model: LlamaModel): TextVocabulary {
  return {
    tokenize: (text, special) => model.tokenize(text, special),
    detokenize: (tokens, special) => model.detokenize(tokens as Token[], special),
    isBytePair: model.vocabularyType === "bpe",
    isSentencePiece: model.vocabularyType === "spm",
    isWordwise: model.fileInfo.metadata.tokenizer?.ggml?.pre === "whitespace",
  };
}

/** Time that `--threads auto` may add to a load, in milliseconds. */
const CALIBRATION_MS = 2_000;

function threadsToTry(threads: number | "auto"): readonly number[] {
  return threads === "auto" ? threadCandidates(physicalCores()) : [threads];
}

/** Loads an adapter; a bad one fails the load, so that the operator sees it before any request. */
async function openAdapter(model: LlamaModel, name: string, path: string): Promise<object> {
  try {
    return await nativeLora(model, path);
  } catch (error) {
    throw new LlorchError(
      "WORKER_START_FAILED",
      `Cannot use ${path} as the adapter "${name}": ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

/** The predictor of each slot, and the draft model's group. */
interface Guesses extends Pick<GroupOptions, "predictor"> {
  readonly group?: Group;
}

/** Creates the predictors of the slots, if speculative decoding is configured. */
async function openPredictor(
  llama: Llama,
  model: LlamaModel,
  draft: LlamaModel | undefined,
  groupOptions: GroupOptions,
): Promise<Guesses> {
  const { speculative, draft_model, draft_tokens = DRAFT_TOKENS } = groupOptions.settings;
  if (speculative === "lookup") return { predictor: () => new LookupPredictor(draft_tokens) };
  if (!draft) return {};
  const vocabulary = ({ fileInfo }: LlamaModel) => fileInfo.metadata.tokenizer?.ggml?.tokens ?? [];
  const own = vocabulary(model);
  if (!vocabulary(draft).every((token, id) => token === own[id])) {
    throw new LlorchError(
      "WORKER_START_FAILED",
      `Cannot draft with ${draft_model}: its vocabulary is not the model's`,
    );
  }
  const group = await openGroup(draft, groupOptions);
  return {
    group,
    predictor: (slot) => {
      const sampling = new LlamaSampling({
        llama,
        request: GREEDY,
        seed: 0,
        grammars: NO_GRAMMARS,
        hold: undefined,
        adapter: undefined,
        endsGeneration: () => false,
      });
      return new DraftPredictor(group.sequences[slot]!, sampling, draft_tokens);
    },
  };
}

/** Most tokens to guess at once, unless configured otherwise. */
const DRAFT_TOKENS = 16;

/**
 * Reads the model's chat template, or the one that is given. A bad one only disables chat, and the
 * model still loads; a model without one gets ChatML.
 */
function chatTemplate(
  model: LlamaModel,
  tokenizer: LlamaTokenizer,
  specials: ReadonlyMap<number, SpecialToken>,
  { chatTemplate: given, onWarning }: EngineOptions,
): {
  readonly chatTemplate: ChatTemplate | undefined;
  readonly template: TemplateReply;
  readonly raw: RawText;
  readonly warning: string | undefined;
} {
  const own = model.fileInfo.metadata.tokenizer;
  const plain: unknown = own?.chat_template;
  const source = given ?? (typeof plain === "string" ? plain : undefined);
  const toolUse = given === undefined ? toolUseTemplate(own) : undefined;
  const text = (token: Token | null) => token === null ? "" : model.detokenize([token], true);
  const bosText = model.tokens.bosString ?? text(model.tokens.bos);
  const eosText = model.tokens.eosString ?? text(model.tokens.eos);
  const found = openChatTemplate({ plain: source, toolUse }, {
    tokenize: (part, special, seen) => tokenizer.tokenize(part, special, seen),
    tokenizeNext: (part, special, seen) => tokenizer.tokenizeNext(part, special, seen),
    bosText,
    eosText,
    specials,
  });
  // A model that does not generate needs no template.
  const warning = generates(model) ? found.warning : undefined;
  if (warning !== undefined) onWarning(warning);
  const template = { chat_template: source ?? "", bos_token: bosText, eos_token: eosText };
  return { chatTemplate: found.template, template, raw: found.raw, warning };
}

/** GGUF's numbers of the kinds of tokens that are not ordinary pieces of text. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** Control and user-defined tokens of a model's vocabulary. */
function specialTokens(model: LlamaModel): Map<number, SpecialToken> {
  const { tokens = [], token_type: types = [] } = model.fileInfo.metadata.tokenizer?.ggml ?? {};
  const found = new Map<number, SpecialToken>();
  for (const [id, type] of types.entries()) {
    const text = tokens[id];
    if (text === undefined || text === "" || type !== CONTROL && type !== USER_DEFINED) continue;
    found.set(id, { text, isControl: type === CONTROL });
  }
  return found;
}

/** The template for requests that offer tools, which some files carry apart. */
function toolUseTemplate(metadata: object | undefined): string | undefined {
  // Keys become nested objects, but for one whose beginning is a key with a value.
  const fields = new Map<string, unknown>(Object.entries(metadata ?? {}));
  const only = fields.get("chat_template");
  const found = fields.get("chat_template.tool_use") ??
    (isRecord(only) ? only["tool_use"] : undefined);
  return typeof found === "string" ? found : undefined;
}

/** Whether a model generates: bidirectional encoders and models with a ranking head do not. */
function generates(model: LlamaModel): boolean {
  const { causal } = model.fileInfo.architectureMetadata.attention ?? {};
  return causal !== false && !model.fileInsights.supportsRanking;
}

/** Computes one vector or rank, which also creates the context for them. */
async function trialVector(engine: LlamaEngine): Promise<void> {
  if (engine.capabilities.includes("rerank")) await engine.rank("a", "a");
  else await engine.embed("a");
}

/** Generates one token in the first slot, then clears the slot. */
async function trialStep(engine: LlamaEngine): Promise<void> {
  const sequence = engine.sequences[0]!;
  const sampling = await engine.createSampling(GREEDY, 0);
  const generation = sequence.generate(await engine.tokenize("a"), sampling);
  await generation.next();
  generation.close();
  sequence.trim(0);
}

/** Sampling that always takes the most probable token. */
const GREEDY = {
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
  post_sampling_probs: undefined,
  lora: undefined,
} as const;
