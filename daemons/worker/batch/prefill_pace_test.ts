import assert from "node:assert/strict";
import { PrefillPace } from "./prefill_pace.ts";

/** Times of a machine in ms. */
interface Machine {
  readonly step: number;
  /** Of a prompt token among few of its sequence. */
  readonly few: number;
  /** Among 64 and more. */
  readonly many?: number;
}

/** Teaches a pace the steps of a machine beside prompts; returns its limit. */
function learn(
  pace: PrefillPace,
  generating: number,
  { step, few, many = few }: Machine,
  prompts = 1,
): number {
  const reading = { prompts, depth: 0 };
  for (let count = 0; count < 50; count++) {
    pace.observe({ generating, prefilled: 0, ms: step, prompts: 0, depth: 0 });
  }
  let chunk = 0;
  for (let count = 0; count < 50; count++) {
    chunk = pace.chunk(generating, reading);
    const token = chunk / prompts > 64 ? many : few;
    pace.observe({ generating, prefilled: chunk, ms: step + chunk * token, ...reading });
  }
  return chunk;
}

Deno.test("PrefillPace takes as few tokens as keep a prompt within its slowdown", () => {
  // 20 ms for others, beside 33 tokens of 2 ms: 86 instead of 66 ms.
  assert.equal(learn(new PrefillPace(1.4), 4, { step: 20, few: 2 }), 33);
  assert.equal(learn(new PrefillPace(2), 4, { step: 20, few: 2 }), 17);
  assert.equal(learn(new PrefillPace(1.4), 4, { step: 8, few: 0.03125 }), 1025);
  assert.equal(learn(new PrefillPace(1.4), 4, { step: 1, few: 100 }), 5);
});

Deno.test("PrefillPace takes 64 together where they are computed in less time than one by one", () => {
  assert.equal(learn(new PrefillPace(1.4), 4, { step: 20, few: 9, many: 4 }), 65);
});

Deno.test("PrefillPace takes many together again after one step that took long", () => {
  const pace = new PrefillPace(1.4);
  const machine = { step: 60, few: 5, many: 3 };
  const usual = learn(pace, 4, machine);
  assert.equal(usual, 65);
  pace.observe({ generating: 4, prefilled: 65, ms: 3_000, prompts: 1, depth: 0 });
  const chunks = Array.from({ length: 8 }, () => learn(pace, 4, machine));
  assert.ok(chunks[0]! < usual);
  assert.equal(chunks.at(-1), usual);
});

Deno.test("PrefillPace divides a step among the prompts, and favours them if they are more", () => {
  assert.equal(learn(new PrefillPace(1.4), 4, { step: 20, few: 2 }, 4), 33);
  assert.equal(learn(new PrefillPace(1.4), 1, { step: 20, few: 2 }, 15), 385);
});

Deno.test("PrefillPace starts with a fixed number of tokens", () => {
  assert.equal(new PrefillPace(1.4).chunk(1, { prompts: 1, depth: 0 }), 65);
});

Deno.test("PrefillPace tries 64 together, whatever short prompts have cost before", () => {
  const pace = new PrefillPace(1.4);
  for (let count = 0; count < 20; count++) {
    pace.observe({ generating: 0, prefilled: 32, ms: 32 * 9, prompts: 1, depth: 0 });
    pace.observe({ generating: 4, prefilled: 0, ms: 20, prompts: 0, depth: 0 });
  }
  assert.equal(learn(pace, 4, { step: 20, few: 9, many: 4 }), 65);
});

Deno.test("PrefillPace uses the steps with the same number of sequences, or nearly the same", () => {
  const pace = new PrefillPace(2);
  learn(pace, 8, { step: 80, few: 1 });
  learn(pace, 1, { step: 30, few: 1 });
  const reading = { prompts: 1, depth: 0 };
  assert.equal(pace.chunk(1, reading), 33);
  assert.equal(pace.chunk(2, reading), 33);
  assert.equal(pace.chunk(16, reading), 97);
});

Deno.test("PrefillPace learns from prompts that were read while no sequence generated", () => {
  const pace = new PrefillPace(2);
  pace.observe({ generating: 0, prefilled: 100, ms: 200, prompts: 1, depth: 0 });
  pace.observe({ generating: 1, prefilled: 0, ms: 31, prompts: 0, depth: 0 });
  assert.equal(pace.chunk(1, { prompts: 1, depth: 0 }), 17);
});
