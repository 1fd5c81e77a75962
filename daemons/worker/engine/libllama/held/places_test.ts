import assert from "node:assert/strict";
import { type Places, placesToKeep } from "./places.ts";

const END = 1;
const ends = (token: number) => token === END;
/** Tokens of which those behind `at` end something. */
const prompt = (length: number, at: readonly number[] = []) =>
  Array.from({ length }, (_, index) => at.includes(index + 1) ? END : 7);

const places = (facts: Partial<Places>) =>
  placesToKeep({ prompt: prompt(400), from: 0, shared: 0, ends, ...facts });

Deno.test("states are kept after the last two messages of a chat", () => {
  const chat = prompt(400, [50, 100, 200, 390]);
  assert.deepEqual(places({ prompt: chat }), [200, 390]);
  assert.deepEqual(places({ prompt: chat, from: 190 }), [390]);
  assert.deepEqual(places({ prompt: prompt(400, [200]) }), [200]);
  // The very end is no use: its last token must be evaluated again.
  assert.deepEqual(places({ prompt: prompt(400, [200, 400]) }), [200]);
});

Deno.test("states are kept where a prompt differs from the one before it", () => {
  assert.deepEqual(places({ shared: 120 }), [120, 396]);
  assert.deepEqual(places({ shared: 120, prompt: prompt(400, [50, 390]) }), [50, 120, 390]);
  assert.deepEqual(places({ shared: 120, from: 120 }), [396]);
});

Deno.test("no state is kept that would save a later prompt next to nothing", () => {
  assert.deepEqual(places({ prompt: prompt(10) }), []);
  assert.deepEqual(places({ prompt: [] }), []);
  assert.deepEqual(places({ prompt: prompt(400), from: 390 }), []);
  assert.deepEqual(places({ shared: 10 }), [396]);
  assert.deepEqual(places({ shared: 195, prompt: prompt(400, [200, 390]) }), [195, 390]);
});
