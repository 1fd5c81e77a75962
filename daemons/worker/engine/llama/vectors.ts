import type { LlamaEmbeddingContext, LlamaModel, LlamaRankingContext, Token } from "node-llama-cpp";
import { LlorchError } from "#shared/errors.ts";
import type { LlamaTokenizer } from "./tokenizer.ts";

/** Dependencies of {@linkcode LlamaVectors}. */
interface VectorOptions {
  readonly tokenizer: LlamaTokenizer;
  /** Tokens of one input. */
  readonly contextSize: number;
  readonly threads: () => number;
  /** Runs a computation while no other context computes, if the backend requires that. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Computes embeddings and ranks. Each has a context of its own, created at the first request, which
 * computes one input at a time.
 */
export class LlamaVectors {
  readonly #model: LlamaModel;
  readonly #options: VectorOptions;
  #embedding: Promise<LlamaEmbeddingContext> | undefined;
  #ranking: Promise<LlamaRankingContext> | undefined;

  constructor(model: LlamaModel, options: VectorOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** See `Engine.embed`. */
  async embed(
    input: string | readonly number[],
  ): Promise<{ vector: Float32Array; tokens: number }> {
    // If the context cannot be created, the next request tries again.
    this.#embedding ??= this.#model.createEmbeddingContext(this.#contextOptions)
      .catch((error) => {
        this.#embedding = undefined;
        throw error;
      });
    const context = await this.#embedding;
    // A copy, since the library adds the model's first and last tokens to the list.
    const given = typeof input === "string" ? await this.#read(input) : input;
    const copy = () => typeof given === "string" ? given : [...given] as Token[];
    const tokens = context.calculateInputLength(copy());
    this.#check(tokens);
    const { vector } = await this.#options.exclusively(() => context.getEmbeddingFor(copy()));
    return { vector: normalised(vector), tokens };
  }

  /** See `Engine.rank`. */
  async rank(query: string, document: string): Promise<{ score: number; tokens: number }> {
    this.#ranking ??= this.#model.createRankingContext(this.#contextOptions).catch((error) => {
      this.#ranking = undefined;
      throw error;
    });
    const context = await this.#ranking;
    const given = [await this.#read(query), await this.#read(document)] as const;
    const tokens = context.calculateInputLength(...given);
    this.#check(tokens);
    const score = await this.#options.exclusively(() => context.rank(...given));
    return { score, tokens };
  }

  async dispose(): Promise<void> {
    for (const context of [this.#embedding, this.#ranking]) {
      await (await context?.catch(() => undefined))?.dispose();
    }
  }

  get #contextOptions() {
    const { contextSize, threads } = this.#options;
    // Encoders evaluate the whole input at once.
    return { contextSize, batchSize: contextSize, threads: threads() };
  }

  /** Tokenizes a text if that must be done in pieces; otherwise returns the text. */
  async #read(text: string): Promise<string | Token[]> {
    const { tokenizer } = this.#options;
    if (!tokenizer.inPieces(text)) return text;
    return await tokenizer.tokenize(text, false, (count) => this.#check(count, true)) as Token[];
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

/** Scales a vector to length 1; a zero vector stays as it is. */
function normalised(vector: readonly number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => length === 0 ? 0 : value / length);
}
