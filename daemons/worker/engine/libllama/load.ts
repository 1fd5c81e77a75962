import type { LlamaSettings } from "#shared/config/llama.ts";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import { DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { onAbort } from "#shared/aborts.ts";
import type { ChatTemplate } from "../../chat/chat_template.ts";
import { openChatTemplate } from "../../chat/open_template.ts";
import type { RawText } from "../../chat/raw_text.ts";
import type { SpecialToken } from "../../chat/tokenizer.ts";
import { physicalCores } from "../../cores.ts";
import { UnusableModelError } from "../../model.ts";
import { textStack } from "../../stack.ts";
import { DEFAULT_BATCH, type Engine, type EngineOptions, SCORED_AT_ONCE } from "../engine.ts";
import {
  builtGpuBackends,
  cpuBinaries,
  gpuBinaries,
  showNoGpu,
  showOnlyGpu,
  usesGpu,
} from "./backend.ts";
import { CONSTANTS } from "./c/abi.ts";
import { checkAbi } from "./c/check_abi.ts";
import { calibrate, threadCandidates } from "./calibrate.ts";
import { DraftPredictor } from "./guess/draft.ts";
import { crashReason, isOfTheFile, loadError } from "./load_error.ts";
import { LookupPredictor } from "./guess/lookup.ts";
import type { Predictor } from "./guess/predictor.ts";
import { LlamaTokenizer } from "./text/tokenizer.ts";
import { LibllamaEngine } from "./engine.ts";
import { EngineThread, OrderError } from "./engine_thread.ts";
import { guardChoices } from "./grammar_watch.ts";
import { NO_GRAMMARS } from "./grammars.ts";
import { type Library, openDependencies, openLibrary } from "./c/library.ts";
import { watchCrashes, withoutBacktraces } from "./crash_watch.ts";
import { driverSentence, systemLibraries } from "./driver.ts";
import type { DeviceFacts, ModelFacts } from "./thread/messages.ts";
import { LibllamaSampling } from "./sampling.ts";
import { LibllamaSequence } from "./sequence.ts";
import { StepCollector } from "./step_collector.ts";
import { LibllamaVectors } from "./vectors.ts";
import { textVocabulary, Vocabulary } from "./vocabulary.ts";

/**
 * Loads a model into libllama, in a thread of its own, and runs one step, so that a ready worker is
 * known to work.
 *
 * @throws {UnusableModelError} if the file is the cause
 * @throws {LlorchError} `WORKER_START_FAILED` for any other cause; the reason of `signal` once it has aborted
 */
export function loadLibllama(options: EngineOptions): Promise<Engine> {
  return withThread(options, true, async (thread, library, device) => {
    const { engine, tryOut } = await openEngine(thread, library, device, options);
    await tryOut();
    await thread.call("loaded", {});
    options.signal.throwIfAborted();
    return engine;
  });
}

/** What {@linkcode withThread} has opened: the thread, libraries, and the GPU if one is used. */
type Use<T> = (thread: EngineThread, library: Library, device: DeviceFacts | undefined) => T;

/**
 * Opens llama.cpp in a thread, which is closed again if `use` fails.
 *
 * @param allocates Whether models and contexts get memory; see the order `open`.
 * @throws as {@linkcode loadLibllama}
 */
export async function withThread<T>(
  options: EngineOptions,
  allocates: boolean,
  use: Use<Promise<T>>,
): Promise<T> {
  const lines: string[] = [];
  const built = builtGpuBackends();
  const onlyCpu = !usesGpu(options.gpu, built);
  const folder = onlyCpu ? folderForCpu(built) : gpuBinaries()!;
  withoutBacktraces();
  if (onlyCpu) showNoGpu();
  else if (options.gpu !== undefined) showOnlyGpu(options.gpu);
  await checkAbi(openDependencies(folder));
  const thread = new EngineThread({
    onProgress: options.onProgress,
    onWarning(message) {
      if (lines.length < MOST_LINES) lines.push(message);
      options.onWarning(message);
    },
  });
  const forget = onAbort(options.signal, () => thread.stop());
  try {
    const library = openLibrary(folder);
    using _ = watchCrashes(
      library.ggml,
      (reason) => options.onCrash(failure(options.model, crashReason(reason), [reason])),
    );
    const { devices } = await thread.call("open", { folder, onlyCpu, allocates });
    const device = onlyCpu ? undefined : firstGpu(devices, built[0]!, options.gpu);
    return await use(thread, library, device);
  } catch (error) {
    await thread.close();
    options.signal.throwIfAborted();
    if (error instanceof LlorchError) throw error;
    const reason = loadError(error instanceof OrderError ? error.log : lines) ??
      errorMessage(error);
    throw failure(options.model, reason, [...lines, reason], error);
  } finally {
    forget();
  }
}

/** @param lines What llama.cpp has said; it tells whether the file is the cause. */
function failure(model: string, reason: string, lines: readonly string[], cause?: unknown): Error {
  const message = `Cannot load model "${model}": ${reason}`;
  return isOfTheFile(lines)
    ? new UnusableModelError(message, { cause })
    : new LlorchError("WORKER_START_FAILED", message, { cause });
}

/** Most lines of llama.cpp's output that are searched for the reason of a failed load. */
const MOST_LINES = 100;

/** Folder of libraries that can use the CPU. */
function folderForCpu([backend]: readonly string[]): string {
  const folder = cpuBinaries();
  if (folder !== undefined) return folder;
  throw failed(
    backend === undefined
      ? "Cannot start llama.cpp: this build of llorch-candled has no libraries of this platform"
      : driverSentence({ backend, asked: "none", libraries: [] }),
  );
}

/** The first GPU that llama.cpp sees, which is the requested one: the others are hidden. */
function firstGpu(
  devices: readonly DeviceFacts[],
  backend: string,
  asked: string | undefined,
): DeviceFacts {
  const device = devices.find(({ isGpu }) => isGpu);
  if (device) return device;
  throw failed(driverSentence({ backend, asked, libraries: systemLibraries() }));
}

/** An engine that has not computed anything yet. */
interface OpenedEngine {
  readonly engine: LibllamaEngine;
  readonly facts: ModelFacts;
  readonly threads: number;
  /** Runs one step, or several to find the best number of threads. */
  tryOut(): Promise<void>;
}

/** Opens a model with its contexts and all that the engine needs. */
export async function openEngine(
  thread: EngineThread,
  library: Library,
  device: DeviceFacts | undefined,
  options: EngineOptions,
): Promise<OpenedEngine> {
  const { llama } = library;
  const { settings } = options;
  const load = (path: string) =>
    thread.call("model", {
      path,
      device: device?.name,
      gpuLayers: options.gpuLayers,
      mapsFile: !settings.no_mmap,
      locksMemory: settings.mlock ?? false,
    });
  const facts = await load(options.model);
  const vocabulary = new Vocabulary(llama, facts.vocabulary);
  const missing = vocabulary.missingByte();
  if (missing !== undefined) {
    const reason = `its vocabulary has no token for byte ${missing}, which a text may need`;
    throw new UnusableModelError(`Cannot load model "${options.model}": ${reason}`);
  }
  const contextPerSlot = options.context ??
    Math.min(facts.trainedContext || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const candidates = threadsToTry(options.threads);
  let threads = candidates[0]!;
  const openGroup = (model: ModelFacts, guesses: Guesses = {}) =>
    openSequences(thread, model, {
      ...{ slots: options.slots, contextPerSlot, settings, guesses },
      ...{ maxThreads: Math.max(...candidates), threads: () => threads },
    });
  const drafts: LibllamaSampling[] = [];
  let sequences: readonly LibllamaSequence[] = [];
  if (generates(facts)) {
    const { draft_model, speculative, draft_tokens = DRAFT_TOKENS } = settings;
    if (speculative === "lookup") {
      sequences = await openGroup(facts, {
        most: draft_tokens,
        predictor: () => new LookupPredictor(draft_tokens),
      });
    } else if (draft_model) {
      const draftFacts = await load(draft_model);
      requireSameVocabulary(vocabulary, new Vocabulary(llama, draftFacts.vocabulary), draft_model);
      const drafted = await openGroup(draftFacts);
      sequences = await openGroup(facts, {
        most: draft_tokens,
        predictor(slot) {
          const sampling = new LibllamaSampling({
            ...{ llama, vocabulary, request: GREEDY, seed: 0, grammars: NO_GRAMMARS },
            ...{ hold: undefined, adapter: 0, free: (samplers) => thread.free(samplers) },
          });
          drafts.push(sampling);
          return new DraftPredictor(drafted[slot]!, sampling, draft_tokens);
        },
      });
    } else sequences = await openGroup(facts);
  }
  const adapters = new Map<string, number>();
  for (const [name, path] of options.adapters) {
    adapters.set(name, await openAdapter(thread, facts, name, path));
  }
  const tokenizer = new LlamaTokenizer(
    textVocabulary(vocabulary, facts.preTokenizer),
    textStack().characters,
  );
  const specials = new Map(
    vocabulary.namedTokens().map(({ id, text, isControl }) => [id, { text, isControl }]),
  );
  const engine = new LibllamaEngine({
    backend: device === undefined ? "cpu" : device.backend.toLowerCase(),
    ...{ llama, thread, facts, vocabulary, tokenizer, sequences, drafts, adapters, contextPerSlot },
    threads: () => threads,
    specials,
    vectors: new LibllamaVectors({
      ...{ thread, facts, vocabulary, tokenizer },
      contextSize: contextPerSlot,
      threads: () => threads,
    }),
    ...chatTemplate(facts, vocabulary, tokenizer, specials, options),
  });
  return {
    engine,
    facts,
    threads,
    async tryOut() {
      if (sequences.length === 0) return await trialVector(engine);
      await trialStep(engine);
      if (candidates.length === 1) return;
      threads = await calibrate({
        candidates,
        step(count) {
          threads = count;
          return trialStep(engine);
        },
        budgetMs: CALIBRATION_MS,
        now: () => performance.now(),
      });
    },
  };
}

/** Time that `--threads auto` may add to a load, in milliseconds. */
const CALIBRATION_MS = 2_000;
/** Most tokens to guess at once, unless configured otherwise. */
export const DRAFT_TOKENS = 16;

function threadsToTry(threads: number | "auto"): readonly number[] {
  return threads === "auto" ? threadCandidates(physicalCores()) : [threads];
}

/** What guesses the tokens of slots. */
interface Guesses {
  /** Most tokens of a guess. */
  readonly most?: number;
  readonly predictor?: (slot: number) => Predictor;
}

/** Options of {@linkcode openSequences}. */
interface GroupOptions {
  readonly slots: number;
  readonly contextPerSlot: number;
  readonly settings: LlamaSettings;
  readonly maxThreads: number;
  readonly threads: () => number;
  readonly guesses: Guesses;
}

/** Creates a context of a model, with its sequences. */
async function openSequences(
  thread: EngineThread,
  facts: ModelFacts,
  { slots, contextPerSlot, settings, maxThreads, threads, guesses }: GroupOptions,
): Promise<LibllamaSequence[]> {
  const batchSize = settings.batch_size ?? DEFAULT_BATCH;
  const { context } = await thread.call("context", {
    model: facts.model,
    sequences: slots,
    contextPerSequence: contextPerSlot,
    batchSize,
    outputs: outputsOf(batchSize, slots, guesses.most ?? 0),
    threads: maxThreads,
    flashAttention: FLASH_ATTENTION[settings.flash_attention ?? "auto"],
    keyType: settings.cache_type_k && CACHE_TYPES[settings.cache_type_k],
    valueType: settings.cache_type_v && CACHE_TYPES[settings.cache_type_v],
  });
  const collector = new StepCollector({
    thread,
    context,
    threads,
    guarded: (step) => guardChoices(thread, step),
  });
  const canCut = !facts.isRecurrent && !facts.isHybrid && facts.window === 0;
  return Array.from({ length: slots }, (_, id) =>
    new LibllamaSequence({
      ...{ id, thread, contextId: context, collector, context: contextPerSlot, canCut },
      predictor: canCut ? guesses.predictor?.(id) : undefined,
    }));
}

/**
 * Most outputs of a batch: what all slots ask for in a step while they generate, or one part that is scored.
 *
 * @param guesses Most tokens of a guess.
 */
export function outputsOf(batchSize: number, slots: number, guesses: number): number {
  return Math.min(batchSize, Math.max(SCORED_AT_ONCE, slots * (1 + guesses)));
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

/** Loads an adapter; a bad one fails the load, so that the operator sees it before any request. */
async function openAdapter(
  thread: EngineThread,
  { model }: ModelFacts,
  name: string,
  path: string,
): Promise<number> {
  try {
    return await thread.call("adapter", { model, path });
  } catch (error) {
    const reason = error instanceof OrderError ? loadError(error.log) : undefined;
    throw new LlorchError(
      "WORKER_START_FAILED",
      `Cannot use ${path} as the adapter "${name}": ${reason ?? errorMessage(error)}`,
      { cause: error },
    );
  }
}

function requireSameVocabulary(own: Vocabulary, draft: Vocabulary, path: string): void {
  let isSame = draft.size <= own.size;
  for (let id = 0; isSame && id < draft.size; id++) isSame = draft.rawText(id) === own.rawText(id);
  if (isSame) return;
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot draft with ${path}: its vocabulary is not the model's`,
  );
}

/**
 * Reads the model's chat template, or the one that is given. A bad one only disables chat, and the
 * model still loads; a model without one gets ChatML.
 */
function chatTemplate(
  facts: ModelFacts,
  vocabulary: Vocabulary,
  tokenizer: LlamaTokenizer,
  specials: ReadonlyMap<number, SpecialToken>,
  { chatTemplate: given, onWarning }: EngineOptions,
): {
  readonly chatTemplate: ChatTemplate | undefined;
  readonly template: TemplateReply;
  readonly raw: RawText;
  readonly warning: string | undefined;
} {
  const source = given ?? facts.template;
  const toolUse = given === undefined ? facts.toolTemplate : undefined;
  const text = (token: number | undefined) =>
    token === undefined ? "" : vocabulary.detokenize([token], true);
  const bosText = text(vocabulary.bos);
  const eosText = text(vocabulary.eos);
  const found = openChatTemplate({ plain: source, toolUse }, {
    tokenize: (part, special, seen) => tokenizer.tokenize(part, special, seen),
    tokenizeNext: (part, special, seen) => tokenizer.tokenizeNext(part, special, seen),
    bosText,
    eosText,
    specials,
  });
  // A model that does not generate needs no template.
  const warning = generates(facts) ? found.warning : undefined;
  if (warning !== undefined) onWarning(warning);
  const template = { chat_template: source ?? "", bos_token: bosText, eos_token: eosText };
  return { chatTemplate: found.template, template, raw: found.raw, warning };
}

/** Whether a model generates: bidirectional encoders and models with a ranking head do not. */
function generates({ isCausal, ranks }: ModelFacts): boolean {
  return isCausal && !ranks;
}

/** Computes one vector or rank, which also creates the context for them. */
async function trialVector(engine: LibllamaEngine): Promise<void> {
  if (engine.capabilities.includes("rerank")) await engine.rank("a", "a");
  else await engine.embed("a");
}

/** Generates one token in the first slot, then clears the slot. */
async function trialStep(engine: LibllamaEngine): Promise<void> {
  const sequence = engine.sequences[0]!;
  const sampling = await engine.createSampling(GREEDY, 0);
  const generation = sequence.generate(await engine.tokenize("a"), sampling);
  try {
    await generation.next();
  } catch (error) {
    // A model that computes no numbers now never will.
    if (error instanceof LlorchError) throw new UnusableModelError(error.message, { cause: error });
    throw error;
  } finally {
    generation.close();
    sampling.dispose();
  }
  sequence.trim(0);
}

function failed(message: string): LlorchError {
  return new LlorchError("WORKER_START_FAILED", message);
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
