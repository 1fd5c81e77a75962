import assert from "node:assert/strict";
import { Lengths } from "./lengths.ts";

const of = (...answers: [tokens: number, isCut?: boolean][]) => {
  const lengths = new Lengths();
  for (const [tokens, isCut = false] of answers) lengths.note(tokens, isCut);
  return lengths;
};
const many = (tokens: number, isCut = false) =>
  of(...Array.from({ length: 20 }, (): [number, boolean] => [tokens, isCut]));

Deno.test("before anything is known, answers are expected to use their max_tokens", () => {
  assert.deepEqual(new Lengths().left(0, 3900), { mean: 3900, variance: 0 });
  assert.deepEqual(new Lengths().left(3000, 3900), { mean: 900, variance: 0 });
  assert.equal(new Lengths().left(0, undefined).mean, 256);
});

Deno.test("answers that are cut say nothing of the length of those with a higher bound", () => {
  assert.equal(many(60, true).left(0, 3900).mean, 3900);
});

Deno.test("answers that end by themselves are expected to do so again, or at their bound", () => {
  const lengths = many(100);
  assert.equal(lengths.left(0, 3900).mean, 100);
  assert.equal(lengths.left(40, 3900).mean, 60);
  assert.equal(lengths.left(0, 30).mean, 30);
  assert.equal(lengths.left(200, 3900).mean, 50, "longer than any before");
});

Deno.test("a few answers are not trusted alone", () => {
  const { mean } = of([100]).left(0, 1000);
  assert.equal(mean, 100 + 900 / 2);
});

Deno.test("what an answer has decides what it will still have", () => {
  const half = of(...Array.from({ length: 32 }, (_, n): [number] => [n % 2 === 0 ? 10 : 1000]));
  assert.equal(Math.round(half.left(0, 4000).mean), 505);
  assert.equal(Math.round(half.left(10, 4000).mean), 990);
  assert.ok(half.left(0, 4000).variance > 400 ** 2);
  assert.ok(half.left(10, 4000).variance < 1);
});
