import assert from "node:assert/strict";
import { seededRandom } from "../../../../tests/support/random.ts";
import { ModelOdds } from "./model_odds.ts";
import type { NativeChoice, NativeSampler, SamplerConfig } from "./native.ts";

/** A row of logits that answers as the addon does, with the samplers' settings. */
function rowOf(logits: readonly number[]) {
  const configs = new Map<NativeSampler, SamplerConfig>();
  let samplers = 0;
  const createSampler = () => {
    samplers++;
    const sampler: NativeSampler = {
      applyConfig: (config) => void configs.set(sampler, config),
      dispose() {},
    };
    return sampler;
  };
  const sample = (
    _row: number,
    sampler: NativeSampler,
    { all, own }: { all: boolean; own: boolean },
  ): Promise<NativeChoice> => {
    const { topK, minP = 0, tokenBiasKeys, tokenBiasValues } = configs.get(sampler)!;
    const biased = logits.map((logit, token) =>
      token === tokenBiasKeys?.[0] ? logit + tokenBiasValues![0]! : logit
    );
    const sorted = Array.from(biased, (logit, token) => ({ token, logit }))
      .sort((a, b) => b.logit - a.logit);
    const least = sorted[0]!.logit + Math.log(minP);
    const left = shares(sorted.slice(0, topK).filter(({ logit }) => logit >= least));
    const taken = left.at(-1)!;
    const flat = left.flatMap(({ token, share }) => [token, share]);
    return Promise.resolve([taken.token, all ? flat : [], own ? taken.share : 0]);
  };
  return { odds: new ModelOdds(createSampler), sample, samplers: () => samplers };
}

function shares(sorted: readonly { readonly token: number; readonly logit: number }[]) {
  const highest = sorted[0]!.logit;
  const weights = sorted.map(({ logit }) => Math.exp(logit - highest));
  const sum = weights.reduce((total, weight) => total + weight);
  // The addon computes with 32 bits.
  return sorted.map((each, index) => ({ ...each, share: Math.fround(weights[index]! / sum) }));
}

function logSoftmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
  return logits.map((logit) => logit - highest - Math.log(sum));
}

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-5, `${a} for ${b}`);

Deno.test("ModelOdds reads the softmax of the logits, of probable and improbable tokens", async () => {
  const random = seededRandom(7);
  for (const spread of [2, 20, 60]) {
    const logits = Array.from({ length: 2_000 }, () => spread * (random() - 0.5));
    const expected = logSoftmax(logits);
    const ranked = expected.map((_, token) => token)
      .sort((a, b) => expected[b]! - expected[a]!);
    const { odds, sample } = rowOf(logits);
    for (const rank of [0, 1, 63, 64, 500, 1_999]) {
      const told = await odds.read(0, ranked[rank]!, 5, sample);
      near(told.logprob, expected[ranked[rank]!]!);
      assert.deepEqual(told.top.map(({ token }) => token), ranked.slice(0, 5));
      for (const { token, logprob } of told.top) near(logprob, expected[token]!);
    }
  }
});

Deno.test("ModelOdds says -9999 of a token that is too improbable for a number", async () => {
  const logits = Array.from({ length: 100 }, (_, token) => token === 0 ? 300 : -token);
  const { odds, sample } = rowOf(logits);
  const certain = await odds.read(0, 0, 2, sample);
  assert.deepEqual(certain, {
    logprob: 0,
    top: [{ token: 0, logprob: 0 }, { token: 1, logprob: -9999 }],
  });
  assert.equal((await odds.read(0, 99, 0, sample)).logprob, -9999);
});

Deno.test("ModelOdds creates its samplers when it first reads, and only once", async () => {
  const { odds, sample, samplers } = rowOf([1, 2, 3]);
  assert.equal(samplers(), 0);
  await odds.read(0, 0, 1, sample);
  await odds.read(0, 1, 20, sample);
  assert.equal(samplers(), 2);
});
