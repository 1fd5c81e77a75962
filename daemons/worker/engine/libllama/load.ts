import { type LlamaSettings, mostCheckpointBytes } from "#shared/config/llama.ts";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { onAbort } from "#shared/aborts.ts";
import type { ChatTemplate } from "../../chat/chat_template.ts";
import { openChatTemplate } from "../../chat/open_template.ts";
import type { RawText } from "../../chat/raw_text.ts";
import type { SpecialToken } from "../../chat/tokenizer.ts";
import { Decoders } from "../../media/decoders.ts";
import { UnusableModelError } from "../../model.ts";
import { textStack } from "../../stack.ts";
import type { Engine, EngineOptions } from "../engine.ts";
import { calibrate, threadsToTry } from "./calibrate.ts";
import { contextOf, generates } from "./context_plan.ts";
import { DraftPredictor } from "./guess/draft.ts";
import { CheckpointBook } from "./held/checkpoint_book.ts";
import { LookupPredictor } from "./guess/lookup.ts";
import { OwnLayersPredictor } from "./guess/own_layers.ts";
import { holdersOf } from "./holders.ts";
import type { Predictor } from "./guess/predictor.ts";
import { Media } from "./media.ts";
import { LlamaTokenizer } from "./text/tokenizer.ts";
import { LibllamaEngine } from "./engine.ts";
import { type EngineThread, OrderError } from "./engine_thread.ts";
import { guardChoices } from "./grammar_watch.ts";
import { NO_GRAMMARS } from "./grammars.ts";
import { guesserOf } from "./memory.ts";
import { loadError } from "./load_error.ts";
import { NO_LIBRARY, type OpenContext, Opening } from "./opening.ts";
import type { ModelFacts } from "./thread/messages.ts";
import { LibllamaSampling } from "./sampling.ts";
import { samplingPlan } from "./sampling_plan.ts";
import { DryBlanks } from "./dry_blanks.ts";
import { LibllamaSequence } from "./sequence.ts";
import { StepCollector } from "./step_collector.ts";
import { LibllamaVectors } from "./vectors.ts";
import { textVocabulary, Vocabulary } from "./vocabulary.ts";

/**
 * Loads a model into libllama, in a thread of its own, and runs one step, so that a ready worker is
 * known to work.
 *
 * @param opening A load that has begun with these options.
 * @throws {UnusableModelError} if the file is the cause
 * @throws {LlorchError} `WORKER_START_FAILED` for any other cause; the reason of `signal` once it has aborted
 */
export async function loadLibllama(
  options: EngineOptions,
  opening: Opening = new Opening(options, true),
): Promise<Engine> {
  return await withOpening(opening, options, async () => {
    const { engine, tryOut } = await openEngine(opening, options);
    await tryOut();
    await opening.thread.call("loaded", {});
    options.signal.throwIfAborted();
    return engine;
  });
}

/**
 * Goes on with a load, whose thread is closed again if `use` fails.
 *
 * @throws as {@linkcode loadLibllama}
 */
export async function withOpening<T>(
  opening: Opening,
  options: EngineOptions,
  use: () => Promise<T>,
): Promise<T> {
  opening.listen(options);
  const forget = onAbort(options.signal, () => opening.thread.stop());
  try {
    return await use();
  } catch (error) {
    await opening.abandon();
    options.signal.throwIfAborted();
    throw opening.failure(error);
  } finally {
    opening.settle();
    forget();
  }
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
  opening: Opening,
  options: EngineOptions,
): Promise<OpenedEngine> {
  const { settings, slots, gpuLayers } = options;
  const { thread } = opening;
  const { library: { llama }, gpus } = await opening.libraries;
  const facts = await opening.model();
  if ((settings.cpu_moe || settings.cpu_moe_layers) && facts.experts === 0) {
    options.onWarning("the model has no experts: cpu_moe and cpu_moe_layers have no effect");
  }
  const openMedia = await opening.media();
  const media = openMedia && new Media({ ...openMedia, decoders: new Decoders(DECODING) });
  const vocabulary = new Vocabulary(llama, facts.vocabulary);
  const missing = vocabulary.missingByte();
  if (missing !== undefined) {
    const reason = `its vocabulary has no token for byte ${missing}, which a text may need`;
    throw new UnusableModelError(`Cannot load model "${options.model}": ${reason}`);
  }
  const contextPerSlot = contextOf(facts, options.context);
  const candidates = threadsToTry(options.threads);
  let threads = candidates[0]!;
  const group = (open: OpenContext, predictor?: NewPredictor) =>
    sequencesOf(thread, open, {
      ...{ settings, predictor, media, threads: () => threads, onWarning: options.onWarning },
      ends: (token) => vocabulary.endsGeneration(token),
    });
  const drafts: LibllamaSampling[] = [];
  // The thread makes the contexts, while this one reads the vocabulary and the template.
  const opened = openSlots();
  opened.catch(() => {});
  const tokenizer = new LlamaTokenizer(
    textVocabulary(vocabulary, facts.preTokenizer),
    textStack().characters,
  );
  const specials = new Map(
    vocabulary.namedTokens().map(({ id, text, isControl }) => [id, { text, isControl }]),
  );
  const chat = chatTemplate(facts, vocabulary, tokenizer, specials, options);
  const sequences = await opened;
  const adapters = new Map<string, number>();
  for (const [name, path] of options.adapters) {
    adapters.set(name, await openAdapter(thread, facts, name, path));
  }
  const engine = new LibllamaEngine({
    backend: gpus[0]?.backend.toLowerCase() ?? "cpu",
    ...{ llama, thread, facts, media, vocabulary, tokenizer, sequences, drafts, adapters },
    contextPerSlot,
    blindness: media || options.projector === undefined ? undefined : NO_LIBRARY,
    dryBlanks: new DryBlanks(llama, vocabulary, (samplers) => thread.free(samplers)),
    threads: () => threads,
    specials,
    vectors: new LibllamaVectors({
      ...{ thread, facts, vocabulary, tokenizer },
      contextSize: contextPerSlot,
      threads: () => threads,
    }),
    ...chat,
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

  async function openSlots(): Promise<readonly LibllamaSequence[]> {
    const first = await opening.context();
    if (first) return group(first, ownPredictor(settings));
    if (!generates(facts)) return [];
    const draft_model = settings.draft_model!;
    const draftHolders = holdersOf({
      ...{ gpus: gpus.slice(0, 1), settings: {}, load: { context: contextPerSlot, slots } },
      gpuLayers: gpuLayers === "fit" ? undefined : gpuLayers,
    });
    const draftFacts = await opening.forDraft(
      draft_model,
      () => opening.read(draft_model, draftHolders, false),
    );
    if (!generates(draftFacts)) {
      const message = `Cannot draft with ${draft_model} (--draft-model): it generates no text`;
      throw new LlorchError("WORKER_START_FAILED", message);
    }
    requireSameVocabulary(vocabulary, new Vocabulary(llama, draftFacts.vocabulary), draft_model);
    const context = contextPerSlot;
    const drafting = await opening.forDraft(
      draft_model,
      () => opening.makeContext(draftFacts, { context, guesses: false, scores: false }),
    );
    const drafted = group(drafting);
    const canDraft = drafted.every((sequence) => sequence.memory.kind !== "recurrent");
    if (!canDraft) options.onWarning(CANNOT_DRAFT);
    const predictor: NewPredictor = ({ slot, most }) => {
      const sampling = new LibllamaSampling({
        ...{ llama, vocabulary, request: GREEDY, seed: 0, grammars: NO_GRAMMARS },
        plan: samplingPlan(GREEDY, contextPerSlot),
        ...{ hold: undefined, adapter: 0, free: (samplers) => thread.free(samplers) },
      });
      drafts.push(sampling);
      return new DraftPredictor(drafted[slot]!, sampling, most);
    };
    const own = await opening.makeContext(facts, { context, guesses: canDraft, scores: true });
    return group(own, canDraft ? predictor : undefined);
  }
}

/** What guesses tokens without a draft model; undefined: nothing does. */
function ownPredictor(settings: LlamaSettings): NewPredictor | undefined {
  switch (guesserOf(settings)) {
    case "lookup":
      return ({ most }) => new LookupPredictor(most);
    case "mtp":
      return ({ slot, most, collector }) =>
        new OwnLayersPredictor(
          (token, position, count) => collector.draft({ sequence: slot, token, position, count }),
          most,
        );
    default:
      return undefined;
  }
}

/** Bounds of pictures; the orchestrator has bounds of its own, which are settings. */
const DECODING = {
  ...{ mostPixels: 64_000_000, mostSeconds: 1_800 },
  ...{ deadlineMs: 30_000, idleMs: 10_000 },
};

/** Time that `--threads auto` may add to a load, in milliseconds. */
const CALIBRATION_MS = 2_000;

/** Creates what guesses the tokens of a slot, at most `most`. */
type NewPredictor = (
  context: { readonly slot: number; readonly most: number; readonly collector: StepCollector },
) => Predictor;

/** Options of {@linkcode sequencesOf}. */
interface GroupOptions {
  readonly settings: LlamaSettings;
  readonly threads: () => number;
  /** Undefined: nothing is guessed. */
  readonly predictor: NewPredictor | undefined;
  readonly media: Media | undefined;
  readonly ends: (token: number) => boolean;
  readonly onWarning: (message: string) => void;
}

/** The sequences of a context. */
function sequencesOf(
  thread: EngineThread,
  { plan, context, rollback }: OpenContext,
  { settings, threads, predictor, media, ends, onWarning }: GroupOptions,
): LibllamaSequence[] {
  const { order: { sequences, contextPerSequence, batchSize }, memory, guesses: most } = plan;
  const canGuess = most > 0 && (memory.kind !== "recurrent" || rollback > 0);
  if (predictor && !canGuess) onWarning(CANNOT_GUESS);
  const checkpoints = new CheckpointBook(mostCheckpointBytes(settings));
  const collector = new StepCollector({
    thread,
    context,
    threads,
    guarded: (step) => guardChoices(thread, step),
    forgotten: () => checkpoints.takeForgotten(),
  });
  return Array.from({ length: sequences }, (_, id) =>
    new LibllamaSequence({
      ...{ id, thread, contextId: context, collector, context: contextPerSequence, batchSize },
      ...{ memory, checkpoints, media, ends },
      predictor: canGuess ? predictor?.({ slot: id, most, collector }) : undefined,
    }));
}

const CANNOT_GUESS = "speculative is off: llama.cpp cannot take guessed tokens back in the " +
  "recurrent state of this model, or the batch size is too small";
const CANNOT_DRAFT = "speculative is off: llama.cpp cannot take tokens back one by one in the " +
  "recurrent state of the draft model";

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
    `Cannot draft with ${path} (--draft-model): its vocabulary is not the model's`,
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
  resume_mirostat_mu: undefined,
} as const;
