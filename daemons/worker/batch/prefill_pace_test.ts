import assert from "node:assert/strict";
import { PrefillPace } from "./prefill_pace.ts";

/**
 * Teaches a pace the steps of a machine: `step` ms, plus `token` ms for each prompt token; returns
 * its limit.
 */
function learn(pace: PrefillPace, generating: number, ms: { step: number; token: number }): number {
  for (let step = 0; step < 50; step++) pace.observe({ generating, prefilled: 0, ms: ms.step });
  let chunk = 0;
  for (let step = 0; step < 50; step++) {
    chunk = pace.chunk(generating);
    pace.observe({ generating, prefilled: chunk, ms: ms.step + chunk * ms.token });
  }
  return chunk;
}

Deno.test("PrefillPace lengthens steps by the allowed factor, on slow and on fast machines", () => {
  assert.equal(learn(new PrefillPace(3), 4, { step: 20, token: 2 }), 20);
  assert.equal(learn(new PrefillPace(3), 4, { step: 8, token: 0.03125 }), 512);
  // Steps are computed in whole tiles: 41 tokens take as long as 44.
  assert.equal(learn(new PrefillPace(2), 1, { step: 40, token: 1 }), 43);
});

Deno.test("PrefillPace always lets a prompt advance, and starts with few tokens", () => {
  assert.equal(new PrefillPace(3).chunk(1), 32);
  assert.equal(learn(new PrefillPace(1.5), 1, { step: 1, token: 100 }), 7);
  assert.equal(learn(new PrefillPace(2), 4, { step: 5, token: 1 }), 12);
  assert.equal(learn(new PrefillPace(1.5), 20, { step: 1, token: 100 }), 4);
});

Deno.test("PrefillPace uses the steps with the same number of sequences, or nearly the same", () => {
  const pace = new PrefillPace(2);
  learn(pace, 8, { step: 80, token: 1 });
  learn(pace, 1, { step: 31, token: 1 });
  assert.equal(pace.chunk(1), 31);
  assert.equal(pace.chunk(2), 34);
  assert.equal(pace.chunk(16), 80);
});

Deno.test("PrefillPace learns from prompts that were read while no sequence generated", () => {
  const pace = new PrefillPace(3);
  pace.observe({ generating: 0, prefilled: 100, ms: 200 });
  pace.observe({ generating: 1, prefilled: 0, ms: 31 });
  assert.equal(pace.chunk(1), 31);
});
