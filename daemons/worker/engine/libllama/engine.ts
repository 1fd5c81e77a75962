import type { Capability } from "#shared/contracts/pool.ts";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import { invalidRequest } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import type { ChatPrompt, ChatTemplate } from "../../chat/chat_template.ts";
import type { RawText } from "../../chat/raw_text.ts";
import type { SpecialToken, TokensSeen } from "../../chat/tokenizer.ts";
import type {
  AnswerHold,
  BegunAnswer,
  Chat,
  Engine,
  EngineMedia,
  EngineSequence,
  Gap,
  Sampling,
  SamplingRequest,
  TokenizeOptions,
} from "../engine.ts";
import { biasIds } from "./text/bias_ids.ts";
import { gapPrompt } from "./text/gap.ts";
import { partBytes } from "./text/token_bytes.ts";
import type { LlamaTokenizer } from "./text/tokenizer.ts";
import type { EngineThread } from "./engine_thread.ts";
import { addressOf } from "./c/c_values.ts";
import { DryBlanks } from "./dry_blanks.ts";
import { createGrammars } from "./grammars.ts";
import type { Llama } from "./c/library.ts";
import type { Media } from "./media.ts";
import type { ModelFacts } from "./thread/messages.ts";
import { LibllamaSampling } from "./sampling.ts";
import { samplingPlan } from "./sampling_plan.ts";
import type { LibllamaVectors } from "./vectors.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The parts of a {@linkcode LibllamaEngine}, which {@linkcode loadLibllama} creates. */
export interface EngineParts {
  readonly backend: string;
  readonly llama: Llama;
  readonly thread: EngineThread;
  readonly facts: ModelFacts;
  /** Undefined: the model reads only text. */
  readonly media: Media | undefined;
  /** Why there is none, if there was to be. */
  readonly blindness: string | undefined;
  readonly vocabulary: Vocabulary;
  readonly dryBlanks: DryBlanks;
  readonly tokenizer: LlamaTokenizer;
  /** None for a model that does not generate. */
  readonly sequences: readonly EngineSequence[];
  /** The samplings of draft models. */
  readonly drafts: readonly Sampling[];
  readonly vectors: LibllamaVectors;
  /** Pointers of the adapters that requests may name. */
  readonly adapters: ReadonlyMap<string, number>;
  readonly contextPerSlot: number;
  readonly threads: () => number;
  readonly specials: ReadonlyMap<number, SpecialToken>;
  /** Undefined if the model's cannot be read. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** What the model's file says of its chats. */
  readonly template: TemplateReply;
  /** Tokenizes texts outside of chats. */
  readonly raw: RawText;
  /** What is wrong with it. */
  readonly warning: string | undefined;
}

/** A model in libllama, which computes in a thread of its own. */
export class LibllamaEngine implements Engine {
  readonly backend: string;
  readonly context: number;
  readonly vocabularySize: number;
  readonly capabilities: readonly Capability[];
  readonly sequences: readonly EngineSequence[];
  readonly #parts: EngineParts;
  /** A token without text; put first, it keeps the leading space of a text. */
  readonly #anchor: readonly number[];

  constructor(parts: EngineParts) {
    const { vocabulary, sequences, facts } = parts;
    this.#parts = parts;
    this.backend = parts.backend;
    this.context = parts.contextPerSlot;
    this.vocabularySize = vocabulary.size;
    this.sequences = sequences;
    this.capabilities = [
      ...(sequences.length > 0 ? ["generate" as const] : []),
      "tokenize",
      facts.ranks ? "rerank" : "embed",
    ];
    const silent = [vocabulary.bos, vocabulary.eos].find((token) =>
      token !== undefined && vocabulary.detokenize([token, token], false) === ""
    );
    this.#anchor = silent === undefined ? [] : [silent];
  }

  get media(): EngineMedia | undefined {
    return this.#parts.media;
  }

  get blindness(): string | undefined {
    return this.#parts.blindness;
  }

  get threads(): number {
    return this.#parts.threads();
  }

  async tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    const { special = false, begins = true, seen } = options;
    const { tokenizer, raw } = this.#parts;
    const tokens = special
      ? await tokenizer.tokenize(text, true, seen)
      : await raw.tokenize(text, seen);
    return begins ? this.#withStart(tokens) : tokens;
  }

  async tokenizeGap(gap: Gap, seen?: TokensSeen): Promise<number[]> {
    const { raw, vocabulary, contextPerSlot } = this.#parts;
    const tokens = await gapPrompt(gap, {
      marks: vocabulary.gapTokens,
      tokenize: (text) => raw.tokenize(text, seen),
      most: contextPerSlot - 1,
    });
    return this.#withStart(tokens);
  }

  get template(): TemplateReply {
    return this.#parts.template;
  }

  get warning(): string | undefined {
    return this.#parts.warning;
  }

  async tokenizeChat(
    { messages, tools, effort, kwargs, continueFinal, media }: Chat,
    seen?: TokensSeen,
  ): Promise<ChatPrompt> {
    const { chatTemplate } = this.#parts;
    if (!chatTemplate) {
      throw invalidRequest([{
        field: "messages",
        message: `${
          this.#parts.warning ?? "this model has no chat template"
        }; send prompt or prompt_tokens`,
      }]);
    }
    const variables = { ...effort && chatTemplate.effort(effort), ...kwargs };
    const options = { kwargs: variables, ...defined({ continueFinal, media }) };
    const prompt = await chatTemplate.tokenize(messages, tools, seen, options);
    return { ...prompt, tokens: this.#withStart(prompt.tokens) };
  }

  tokenizeMarks(text: string): Promise<number[]> {
    return this.#parts.tokenizer.tokenize(text, true);
  }

  controlText(token: number): string | undefined {
    const special = this.#parts.specials.get(token);
    return special?.isControl ? special.text : undefined;
  }

  detokenize(tokens: readonly number[]): string {
    return this.#parts.vocabulary.detokenize([...this.#anchor, ...tokens], false);
  }

  partBytes(token: number): readonly number[] | undefined {
    const { vocabulary } = this.#parts;
    if (!(token >= 0 && token < vocabulary.size)) return undefined;
    return partBytes({
      piece: vocabulary.rawText(token),
      isBytePair: vocabulary.kind === "bpe",
    });
  }

  endsGeneration(token: number): boolean {
    return this.#parts.vocabulary.endsGeneration(token);
  }

  async createSampling(
    request: SamplingRequest,
    seed: number,
    hold?: AnswerHold,
    begun?: BegunAnswer,
  ): Promise<Sampling> {
    const { llama, vocabulary, adapters, tokenizer, raw, thread, contextPerSlot, dryBlanks } =
      this.#parts;
    const { logit_bias } = request;
    const adapter = request.lora === undefined ? 0 : adapters.get(request.lora);
    if (adapter === undefined) {
      const known = adapters.size === 0 ? "none" : [...adapters.keys()].join(", ");
      const message = `"${request.lora}" is no adapter of this worker: it has ${known}`;
      throw invalidRequest([{ field: "lora", message }]);
    }
    const start = begun &&
      { field: begun.field, tokens: await tokenizer.tokenizeNext(begun.text, false) };
    const plan = samplingPlan(request, contextPerSlot);
    const biased = logit_bias
      ? { ...request, logit_bias: await biasIds(logit_bias, (text) => raw.tokenize(text)) }
      : request;
    const dry = plan.dry ? { dry: await dryBlanks.copy(plan.dry) } : {};
    const grammars = await createGrammars(llama, vocabulary, request, hold, start)
      .catch((error) => {
        if (dry.dry) thread.free([addressOf(dry.dry)]);
        throw error;
      });
    return new LibllamaSampling({
      ...{ llama, vocabulary, request: biased, seed, plan, grammars },
      ...dry,
      hold,
      adapter,
      free: (samplers) => thread.free(samplers),
    });
  }

  embed(input: string | readonly number[]): Promise<{ vector: Float32Array; tokens: number }> {
    return this.#parts.vectors.embed(input);
  }

  rank(query: string, document: string): Promise<{ score: number; tokens: number }> {
    return this.#parts.vectors.rank(query, document);
  }

  memoryBytes(): number {
    return Deno.memoryUsage().rss;
  }

  stop(): void {
    this.#parts.media?.stop();
    this.#parts.thread.stop();
  }

  async dispose(): Promise<void> {
    const { vocabulary, drafts, thread, dryBlanks, media } = this.#parts;
    await media?.close();
    await dryBlanks.close();
    vocabulary.close();
    for (const sampling of drafts) sampling.dispose();
    await thread.close();
  }

  /** Prepends the model's begin token if it has one and the tokens do not begin with it. */
  #withStart(tokens: number[]): number[] {
    const { vocabulary } = this.#parts;
    const { bos } = vocabulary;
    if (!vocabulary.addsBos || bos === undefined || tokens[0] === bos) return tokens;
    return [bos, ...tokens];
  }
}
