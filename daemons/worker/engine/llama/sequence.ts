import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { EngineSequence, Generation, Sampling } from "../engine.ts";
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
    const steps = this.#sequence.evaluate(tokens as Token[], sampling.options);
    return {
      async next() {
        const { value, done } = await steps.next().catch((error) => {
          throw sampling.explain(error);
        });
        if (done || typeof value !== "number") throw new Error("llama.cpp gave no token");
        sampling.chosen(value);
        return value;
      },
      async close() {
        await steps.return();
      },
    };
  }
}
