import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { Chosen, EngineSequence, Generation, Sampling } from "../engine.ts";
import { seedEachToken } from "./internals.ts";
import { LlamaSampling } from "./sampling.ts";

/** One slot: a sequence of the context that all slots share. */
export class LlamaSequence implements EngineSequence {
  readonly #sequence: LlamaContextSequence;
  #sampling: LlamaSampling | undefined;

  constructor(sequence: LlamaContextSequence) {
    this.#sequence = sequence;
    seedEachToken(sequence, () => this.#sampling?.nextSeed ?? 0);
  }

  sharedPrefix(tokens: readonly number[]): number {
    const { nextTokenIndex, needsCheckpoints } = this.#sequence;
    const shared = this.#sequence.compareContextTokens(tokens as Token[]).firstDifferentIndex;
    // A recurrent or sliding window cannot be cut back to an earlier point without computing anew.
    return needsCheckpoints && shared < nextTokenIndex ? 0 : shared;
  }

  async trim(length: number): Promise<void> {
    const end = this.#sequence.nextTokenIndex;
    if (length < end) await this.#sequence.eraseContextTokenRanges([{ start: length, end }]);
  }

  async prefill(tokens: readonly number[]): Promise<void> {
    await this.#sequence.evaluateWithoutGeneratingNewTokens(tokens as Token[]);
  }

  generate(tokens: readonly number[], sampling: Sampling): Generation {
    if (!(sampling instanceof LlamaSampling)) {
      throw new TypeError("The sampling is not llama.cpp's");
    }
    this.#sampling = sampling;
    const { options, logprobs } = sampling;
    const steps = logprobs === undefined
      ? this.#sequence.evaluate(tokens as Token[], options)
      // All probabilities are as many as the model has tokens; the chosen one's alone costs nothing.
      : this.#sequence.evaluateWithMetadata(tokens as Token[], {
        confidence: true,
        ...(logprobs > 0 ? { probabilities: true } : {}),
      }, options);
    return {
      async next() {
        const { value, done } = await steps.next().catch((error) => {
          throw sampling.explain(error);
        });
        if (done || value === undefined) throw new Error("llama.cpp gave no token");
        const chosen = typeof value === "number" ? { token: value } : withOdds(value, logprobs);
        sampling.chosen(chosen.token as Token);
        return chosen;
      },
      async close() {
        await steps.return();
      },
    };
  }
}

/** What a logarithm of nothing is told as: JSON has no infinity, and OpenAI says this. */
const IMPOSSIBLE = -9999;

function withOdds(
  step: { token: Token; confidence: number; probabilities?: ReadonlyMap<Token, number> },
  logprobs = 0,
): Chosen {
  const best = step.probabilities?.entries().take(logprobs) ?? [];
  return {
    token: step.token,
    odds: {
      logprob: logarithm(step.confidence),
      top: Array.from(best, ([token, share]) => ({ token, logprob: logarithm(share) })),
    },
  };
}

function logarithm(probability: number): number {
  return Math.max(Math.log(probability), IMPOSSIBLE);
}
