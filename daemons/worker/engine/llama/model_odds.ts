import type { Odds, TokenOdds } from "../engine.ts";
import type { Sample } from "./batcher.ts";
import type { NativeChoice, NativeSampler, SamplerConfig } from "./native.ts";

/** Reported logarithm of probability 0, as in OpenAI's API: JSON has no infinity. */
const IMPOSSIBLE = -9999;
/** Most probable tokens that are read from a row; at least as many as a request may ask for. */
const TOP_TOKENS = 64;
/** Seed of choices whose token does not matter; fixed, so that the figures are always the same. */
const ANY_SEED = 1;
/** Reads the most probable tokens. With temperature 0, llama.cpp would give all tokens. */
const TOP: SamplerConfig = { temperature: 1, topK: TOP_TOKENS, seed: ANY_SEED };
/**
 * Reads the probability of any token among all. The addon sorts for it, so tokens without weight are
 * left out: together they change a logarithm by less than 0.0003 in a vocabulary of 256 thousand.
 */
const WHOLE: SamplerConfig = { temperature: 1, minP: 1e-9, seed: ANY_SEED };
/**
 * Added to a logit, so that its token is among the most probable ones. A token further below is too
 * improbable for llama.cpp's 32-bit numbers.
 */
const LIFT = 80;

/**
 * Reads probabilities in the model's own distribution: the softmax of a row's logits, before any
 * sampling. The addon has no function for that, and to return the whole vocabulary would take longer
 * than a step of many models. So this combines what the addon can tell cheaply: how far the most
 * probable tokens are apart, and the probability of one token among all.
 */
export class ModelOdds {
  readonly #createSampler: () => NativeSampler;
  #samplers: { readonly top: NativeSampler; readonly whole: NativeSampler } | undefined;

  /** @param createSampler Called when first needed, since a sampler holds megabytes. */
  constructor(createSampler: () => NativeSampler) {
    this.#createSampler = createSampler;
  }

  /** Reads the probability of a token and those of the `count` most probable ones. */
  async read(row: number, token: number, count: number, sample: Sample): Promise<Odds> {
    this.#samplers ??= { top: this.#createSampler(), whole: this.#createSampler() };
    const { top, whole } = this.#samplers;
    top.applyConfig(TOP);
    const gaps = gapsOf(await sample(row, top, { all: true, own: false }));
    const gap = async (of: number) => gaps.get(of) ?? await this.#gapOfRare(row, of, gaps, sample);

    // A sampler begins with its seed only when the seed changes.
    whole.applyConfig({ ...WHOLE, seed: ANY_SEED + 1 });
    whole.applyConfig(WHOLE);
    const [any, , probability = 0] = await sample(row, whole, { all: false, own: true });
    const highest = Math.log(probability) - await gap(any);
    return {
      logprob: bounded(highest + await gap(token)),
      top: Array.from(gaps, ([token, gap]) => ({ token, logprob: bounded(highest + gap) }))
        .slice(0, count),
    };
  }

  /** The gap of a token that is not among the most probable ones. */
  async #gapOfRare(
    row: number,
    token: number,
    gaps: ReadonlyMap<number, number>,
    sample: Sample,
  ): Promise<number> {
    const { top } = this.#samplers!;
    const tokenBiasKeys = Uint32Array.of(token);
    top.applyConfig({ ...TOP, tokenBiasKeys, tokenBiasValues: Float32Array.of(LIFT) });
    const lifted = gapsOf(await sample(row, top, { all: true, own: false }));
    const [first] = gaps.keys();
    return (lifted.get(token) ?? -Infinity) - (lifted.get(first!) ?? 0) - LIFT;
  }
}

/** How far logits are below the highest, as negative numbers by token, the highest first. */
function gapsOf([, probabilities = []]: NativeChoice): ReadonlyMap<number, number> {
  const highest = Math.log(probabilities[1] ?? 1);
  return new Map(
    pairs(probabilities).map(([token, probability]) => [token, Math.log(probability) - highest]),
  );
}

/** The probabilities of a choice, after sampling. */
export function sampledOdds([, all = [], own = 0]: NativeChoice, count: number): Odds {
  const top: TokenOdds[] = pairs(all, count)
    .map(([token, probability]) => ({ token, logprob: bounded(Math.log(probability)) }));
  return { logprob: bounded(Math.log(own)), top };
}

function pairs(flat: readonly number[], most = Infinity): [token: number, probability: number][] {
  const length = Math.min(most, flat.length / 2);
  return Array.from({ length }, (_, n) => [flat[2 * n]!, flat[2 * n + 1]!]);
}

function bounded(logprob: number): number {
  return Math.max(Math.min(logprob, 0), IMPOSSIBLE);
}
