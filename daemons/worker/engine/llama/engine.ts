import type { Llama, LlamaModel, Token } from "node-llama-cpp";
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
  EngineSequence,
  Gap,
  Sampling,
  SamplingRequest,
  TokenizeOptions,
} from "../engine.ts";
import { biasIds } from "./bias_ids.ts";
import { findGapTokens, gapPrompt, type GapTokens } from "./gap.ts";
import type { Group } from "./group.ts";
import { endsGeneration } from "./native.ts";
import type { LlamaTokenizer } from "./tokenizer.ts";
import type { LlamaVectors } from "./vectors.ts";
import { createGrammars } from "./grammars.ts";
import { LlamaSampling } from "./sampling.ts";
import { partBytes } from "./token_bytes.ts";

/** The parts of a {@linkcode LlamaEngine}, which {@linkcode loadLlama} creates. */
export interface LlamaParts {
  readonly llama: Llama;
  /** The model, and its draft model if there is one. */
  readonly models: readonly [LlamaModel, ...LlamaModel[]];
  /** Undefined for a model that does not generate. */
  readonly group: Group | undefined;
  /**
   * Of the draft model. Kept, because a model whose context was garbage-collected never disposes.
   */
  readonly draftGroup: Group | undefined;
  readonly vectors: LlamaVectors;
  readonly tokenizer: LlamaTokenizer;
  /** Adapters that requests may name, loaded. */
  readonly adapters: ReadonlyMap<string, object>;
  readonly contextPerSlot: number;
  readonly threads: () => number;
  readonly vocabularySize: number;
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

/** A model loaded in llama.cpp. */
export class LlamaEngine implements Engine {
  readonly backend: string;
  readonly context: number;
  readonly vocabularySize: number;
  readonly capabilities: readonly Capability[];
  readonly sequences: readonly EngineSequence[];
  readonly #parts: LlamaParts;
  #gapTokens: GapTokens | undefined;
  /** A token without text; put first, it keeps the leading space of a text. */
  readonly #anchor: readonly Token[];

  constructor(parts: LlamaParts) {
    const { llama, models: [model], group } = parts;
    this.#parts = parts;
    this.backend = llama.gpu === false ? "cpu" : llama.gpu;
    this.context = parts.contextPerSlot;
    this.vocabularySize = parts.vocabularySize;
    this.sequences = group?.sequences ?? [];
    this.capabilities = [
      ...(group ? ["generate" as const] : []),
      "tokenize",
      model.fileInsights.supportsRanking ? "rerank" : "embed",
    ];
    const silent = [model.tokens.bos, model.tokens.eos].find((token) =>
      token !== null && model.detokenize([token, token]) === ""
    );
    this.#anchor = silent === null || silent === undefined ? [] : [silent];
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
    const { raw, models: [model], contextPerSlot } = this.#parts;
    this.#gapTokens ??= findGapTokens(model.fileInfo.metadata.tokenizer?.ggml ?? {});
    const tokens = await gapPrompt(gap, {
      marks: this.#gapTokens,
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
    { messages, tools, effort, kwargs, continueFinal }: Chat,
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
    const options = { kwargs: variables, ...defined({ continueFinal }) };
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
    return this.#parts.models[0].detokenize([...this.#anchor, ...tokens as Token[]]);
  }

  partBytes(token: number): readonly number[] | undefined {
    const [model] = this.#parts.models;
    const piece = model.fileInfo.metadata.tokenizer?.ggml?.tokens?.[token];
    if (piece === undefined) return undefined;
    return partBytes({ piece, isBytePair: model.vocabularyType === "bpe" });
  }

  endsGeneration(token: number): boolean {
    return endsGeneration(this.#parts.models[0], token);
  }

  async createSampling(
    request: SamplingRequest,
    seed: number,
    hold?: AnswerHold,
    begun?: BegunAnswer,
  ): Promise<Sampling> {
    const { llama, models: [model], adapters, tokenizer, raw } = this.#parts;
    const { logit_bias } = request;
    const adapter = request.lora === undefined ? undefined : adapters.get(request.lora);
    if (request.lora !== undefined && !adapter) {
      const known = adapters.size === 0 ? "none" : [...adapters.keys()].join(", ");
      const message = `"${request.lora}" is no adapter of this worker: it has ${known}`;
      throw invalidRequest([{ field: "lora", message }]);
    }
    const start = begun &&
      { field: begun.field, tokens: await tokenizer.tokenizeNext(begun.text, false) };
    return new LlamaSampling({
      llama,
      request: logit_bias
        ? { ...request, logit_bias: await biasIds(logit_bias, (text) => raw.tokenize(text)) }
        : request,
      seed,
      grammars: await createGrammars(llama, model, request, hold, start),
      hold,
      adapter,
      endsGeneration: (token) => this.endsGeneration(token),
    });
  }

  embed(input: string | readonly number[]): Promise<{ vector: Float32Array; tokens: number }> {
    return this.#parts.vectors.embed(input);
  }

  rank(query: string, document: string): Promise<{ score: number; tokens: number }> {
    return this.#parts.vectors.rank(query, document);
  }

  memoryBytes(): number {
    const { models, group } = this.#parts;
    const vram = models.reduce((sum, model) => sum + model.memoryUsage.vram, 0) +
      (group?.context.memoryUsage.vram ?? 0);
    const device = this.backend === "cpu" ? 0 : vram;
    return Deno.memoryUsage().rss + device;
  }

  async dispose(): Promise<void> {
    // llama.cpp's own dispose can hang while models are still loaded.
    await this.#parts.vectors.dispose();
    for (const model of this.#parts.models) await model.dispose();
    await this.#parts.llama.dispose();
  }

  /** Prepends the model's begin token if it has one and the tokens do not begin with it. */
  #withStart(tokens: number[]): number[] {
    const { bos, shouldPrependBosToken } = this.#parts.models[0].tokens;
    if (!shouldPrependBosToken || bos === null || tokens[0] === bos) return tokens;
    return [bos, ...tokens];
  }
}
