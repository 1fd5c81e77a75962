import { LlorchError } from "#shared/errors.ts";
import type { LlamaTokenizer } from "./text/tokenizer.ts";
import type { EngineThread } from "./engine_thread.ts";
import type { ModelFacts } from "./thread/messages.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Architectures whose graph ends with a softmax: their scores are probabilities already. */
const NORMALISED = new Set(["qwen3", "qwen3vl"]);

/** Dependencies of {@linkcode LibllamaVectors}. */
export interface VectorOptions {
  readonly thread: EngineThread;
  readonly facts: ModelFacts;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: LlamaTokenizer;
  /** Tokens of one input. */
  readonly contextSize: number;
  readonly threads: () => number;
}

interface Waiting {
  readonly tokens: readonly number[];
  readonly settle: PromiseWithResolvers<Float32Array>;
}

/** Computes embeddings and ranks: those that come in one turn of the event loop, and while others are computed, together. */
export class LibllamaVectors {
  readonly #options: VectorOptions;
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(options: VectorOptions) {
    this.#options = options;
  }

  /** See `Engine.embed`. */
  async embed(
    input: string | readonly number[],
  ): Promise<{ vector: Float32Array; tokens: number }> {
    const tokens = typeof input === "string" ? await this.#read(input) : [...input];
    this.#surround(tokens);
    this.#check(tokens.length);
    if (tokens.length === 0) return { vector: new Float32Array(0), tokens: 0 };
    return { vector: normalised(await this.#compute(tokens)), tokens: tokens.length };
  }

  /** See `Engine.rank`. */
  async rank(query: string, document: string): Promise<{ score: number; tokens: number }> {
    const tokens = await this.#pair(query, document);
    this.#check(tokens.length);
    if (tokens.length === 0) return { score: 0, tokens: 0 };
    const [score = 0] = await this.#compute(tokens);
    const isProbability = NORMALISED.has(this.#options.facts.architecture);
    return { score: isProbability ? score : 1 / (1 + Math.exp(-score)), tokens: tokens.length };
  }

  /** A query and a document as the model learnt them. */
  async #pair(query: string, document: string): Promise<number[]> {
    const { vocabulary, facts: { rankTemplate }, tokenizer } = this.#options;
    const parts = [await this.#read(query), await this.#read(document)] as const;
    if (rankTemplate !== undefined && /\{query\}/.test(rankTemplate)) {
      const tokens: number[] = [];
      for (const part of rankTemplate.split(/\{\{?(query|document)\}?\}/)) {
        if (part === "query") tokens.push(...parts[0]);
        else if (part === "document") tokens.push(...parts[1]);
        else tokens.push(...await tokenizer.tokenizeNext(part, true));
      }
      this.#surround(tokens);
      return tokens;
    }
    if (parts.every((part) => part.length === 0)) return [];
    const some = (token: number | undefined) => token === undefined ? [] : [token];
    const { bos, eos, sep } = vocabulary;
    return [
      ...[...some(bos), ...parts[0], ...some(eos)],
      ...[...some(sep), ...parts[1], ...some(eos)],
    ];
  }

  /** Adds the tokens that begin and end a text, as llama.cpp would. */
  #surround(tokens: number[]): void {
    const { vocabulary } = this.#options;
    const { kind } = vocabulary;
    const first = kind === "wpm" || vocabulary.addsBos ? vocabulary.bos : undefined;
    const last = kind === "wpm"
      ? vocabulary.sep
      : kind === "ugm" || vocabulary.addsEos
      ? vocabulary.eos
      : undefined;
    if (kind === "rwkv") return;
    if (first !== undefined && kind !== "ugm" && tokens[0] !== first) tokens.unshift(first);
    if (last !== undefined && tokens.at(-1) !== last) tokens.push(last);
  }

  async #read(text: string): Promise<number[]> {
    return await this.#options.tokenizer.tokenize(
      text,
      false,
      (count) => this.#check(count, true),
    );
  }

  #compute(tokens: readonly number[]): Promise<Float32Array> {
    const settle = Promise.withResolvers<Float32Array>();
    this.#waiting.push({ tokens, settle });
    if (!this.#isRunning) {
      this.#isRunning = true;
      queueMicrotask(() => void this.#run());
    }
    return settle.promise;
  }

  async #run(): Promise<void> {
    const { thread, facts, contextSize, threads } = this.#options;
    while (this.#waiting.length > 0) {
      const batch = takeBatch(this.#waiting, contextSize);
      try {
        const vectors = await thread.call("vectors", {
          ...{ model: facts.model, ranks: facts.ranks, contextSize, threads: threads() },
          inputs: batch.map(({ tokens }) => tokens),
        });
        for (const [index, vector] of vectors.entries()) {
          const { settle } = batch[index]!;
          if (typeof vector === "string") settle.reject(new Error(vector));
          else settle.resolve(vector);
        }
      } catch (error) {
        for (const { settle } of batch) settle.reject(error);
      }
    }
    this.#isRunning = false;
  }

  /** @param isAtLeast Whether the rest of the text is not counted yet. */
  #check(tokens: number, isAtLeast = false): void {
    const { contextSize } = this.#options;
    if (tokens < contextSize) return;
    throw new LlorchError(
      "CONTEXT_LENGTH_EXCEEDED",
      `Cannot fit an input of ${
        isAtLeast ? "at least " : ""
      }${tokens} tokens into the context of ${contextSize} tokens: ` +
        `shorten it to at most ${contextSize - 1}`,
      {
        details: {
          ...{ prompt_tokens: tokens, context: contextSize },
          ...(isAtLeast ? { at_least: true } : {}),
        },
      },
    );
  }
}

/** Takes the inputs that fit into one batch, at least one, in their order. */
function takeBatch(waiting: Waiting[], most: number): Waiting[] {
  let size = 0;
  let count = 0;
  for (const { tokens } of waiting) {
    if (count > 0 && size + tokens.length > most) break;
    size += tokens.length;
    count++;
  }
  return waiting.splice(0, count);
}

/** Scales a vector to length 1; a zero vector stays as it is. */
function normalised(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
