import assert from "node:assert/strict";
import { seededRandom } from "../../../../../tests/support/random.ts";
import { oddsAfter, oddsOf } from "./rows.ts";

/** The same, as it is defined. */
function exact(logits: Float32Array): number[] {
  const best = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((sum, each) => sum + Math.exp(each - best), 0);
  return Array.from(logits, (each) => each - best - Math.log(sum));
}

Deno.test("oddsOf() is the softmax of a row, to seven digits", () => {
  const random = seededRandom(7);
  for (const spread of [0, 0.01, 1, 10, 60]) {
    const logits = Float32Array.from({ length: 5_000 }, () => (random() - 0.5) * spread);
    const wanted = exact(logits);
    const { logprob, top } = oddsOf(logits, 123, 20);
    assert.ok(Math.abs(logprob - wanted[123]!) < 1e-7, `${spread}: ${logprob} ${wanted[123]}`);
    const best = wanted.map((each, id) => [each, id] as const).sort(([a], [b]) => b - a);
    for (const [index, each] of top.entries()) {
      assert.ok(Math.abs(each.logprob - best[index]![0]) < 1e-7);
    }
    assert.deepEqual(top.map(({ token }) => token), best.slice(0, 20).map(([, id]) => id));
  }
});

Deno.test("oddsOf() reports tokens that cannot come, and lists the lower id first of equal ones", () => {
  const logits = Float32Array.of(1, -Infinity, 1, -200);
  const { logprob, top } = oddsOf(logits, 1, 4);
  assert.equal(logprob, -9999);
  assert.deepEqual(top.map(({ token }) => token), [0, 2, 3, 1]);
  assert.deepEqual(
    top.map(({ logprob }) => Math.round(logprob * 1000) / 1000),
    [-0.693, -0.693, -201.693, -9999],
  );
  assert.deepEqual(oddsOf(logits, 0, 0).top, []);
});

Deno.test("after sampling, the probabilities are those of the candidates, the most probable ones first", () => {
  const memory = new ArrayBuffer(4 * 12);
  const [ids, odds] = [new Int32Array(memory), new Float32Array(memory)];
  for (const [at, [id, p]] of [[7, 0.125], [3, 0.5], [9, 0.25], [4, 0.125]].entries()) {
    ids.set([id!], 3 * at);
    odds.set([100, p!], 3 * at + 1);
  }
  const candidates = { memory, words: 3, id: 0, probability: 2 };
  const { logprob, top } = oddsAfter(candidates, 9, 3);
  assert.equal(logprob, Math.log(0.25));
  assert.deepEqual(top.map(({ token }) => token), [3, 9, 7]);
  assert.deepEqual(top.map(({ logprob }) => logprob), [0.5, 0.25, 0.125].map(Math.log));
  assert.deepEqual(oddsAfter(candidates, 8, 0), { logprob: -9999, top: [] });
});
