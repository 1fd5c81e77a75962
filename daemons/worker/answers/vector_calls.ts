import type {
  embedReply,
  embedRequest,
  rerankReply,
  rerankRequest,
} from "#shared/contracts/worker.ts";
import type { Capability } from "#shared/contracts/pool.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { z } from "zod";
import type { Engine } from "../engine/engine.ts";

/** Why a model lacks a capability. */
const REASONS: Partial<Record<Capability, string>> = {
  generate: "this model makes vectors and does not generate text",
  embed: "this model ranks documents and makes no embeddings",
  rerank: "this model has no rank pooling: a reranker is needed",
};

/**
 * Refuses a request for which the model lacks the capability.
 *
 * @throws {LlorchError} `INVALID_REQUEST`
 */
export function requireCapability(
  engine: Pick<Engine, "capabilities">,
  capability: Capability,
): void {
  if (engine.capabilities.includes(capability)) return;
  throw invalidRequest([{ field: "model", message: REASONS[capability] ?? "cannot do this" }]);
}

/** Runs a limited number of embed and rerank calls. */
export class VectorCalls {
  readonly #limit: number;
  #active = 0;

  /** @param limit Most calls that run or wait. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls that run or wait. */
  get active(): number {
    return this.#active;
  }

  /** Computes a vector for each input; stops between two inputs if the client leaves. */
  embed(
    engine: Engine,
    { input }: z.output<typeof embedRequest>,
    signal: AbortSignal,
  ): Promise<z.output<typeof embedReply>> {
    return this.#within(async () => {
      requireCapability(engine, "embed");
      checkInputs(engine, input);
      const embeddings: string[] = [];
      let total = 0;
      for (const each of input) {
        requireClient(signal);
        const { vector, tokens } = await engine.embed(each);
        embeddings.push(new Uint8Array(vector.buffer).toBase64());
        total += tokens;
      }
      return { embeddings, tokens: total };
    });
  }

  /** Computes a score for each document; stops between two documents if the client leaves. */
  rerank(
    engine: Engine,
    { query, documents }: z.output<typeof rerankRequest>,
    signal: AbortSignal,
  ): Promise<z.output<typeof rerankReply>> {
    return this.#within(async () => {
      requireCapability(engine, "rerank");
      const scores: number[] = [];
      let total = 0;
      for (const document of documents) {
        requireClient(signal);
        const { score, tokens } = await engine.rank(query, document);
        scores.push(score);
        total += tokens;
      }
      return { scores, tokens: total };
    });
  }

  async #within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#active >= this.#limit) {
      const message = `Cannot take the call: ${this.#active} run and wait already`;
      throw new LlorchError("QUEUE_FULL", message, { retryAfterMs: 1000 });
    }
    this.#active++;
    try {
      return await work();
    } finally {
      this.#active--;
    }
  }
}

function checkInputs(engine: Engine, input: readonly (string | readonly number[])[]): void {
  const limit = engine.vocabularySize;
  const errors = input.flatMap((each, index) => {
    const wrong = typeof each === "string" ? -1 : each.findIndex((token) => token >= limit);
    const message = `is not a token: the model's tokens are 0 to ${limit - 1}`;
    return wrong < 0 ? [] : [{ field: `input.${index}.${wrong}`, message }];
  });
  if (errors.length > 0) throw invalidRequest(errors);
}

function requireClient(signal: AbortSignal): void {
  if (signal.aborted) throw new LlorchError("CANCELLED", "The client went away");
}
