import assert from "node:assert/strict";
import { isFromShortlist } from "./from_shortlist.ts";

const DRAW = { topK: 40, topP: 0.95, minP: 0, temperature: 1 };
const HELD = { isHeld: false, request: { logprobs: undefined } };

Deno.test("a shortlist suffices for greedy choices, and where top_k comes first and is small enough", () => {
  assert.ok(isFromShortlist({ biases: [] }, HELD));
  assert.ok(isFromShortlist({ biases: [], draw: DRAW }, HELD));
  assert.ok(isFromShortlist({ biases: [], draw: { ...DRAW, topK: 64 } }, HELD));
  assert.ok(!isFromShortlist({ biases: [], draw: { ...DRAW, topK: 65 } }, HELD));
  assert.ok(!isFromShortlist({ biases: [], draw: { ...DRAW, topK: 0 } }, HELD), "no top_k");
});

Deno.test("a shortlist does not suffice where less probable tokens may rise, or are wanted", () => {
  const penalties = { window: 64, repetition: 1.1, frequency: 0, presence: 0 };
  assert.ok(!isFromShortlist({ biases: [[1, 5]], draw: DRAW }, HELD));
  assert.ok(!isFromShortlist({ biases: [], draw: DRAW, penalties }, HELD));
  assert.ok(!isFromShortlist({ biases: [], draw: DRAW }, { ...HELD, isHeld: true }));
  const logprobs = { isHeld: false, request: { logprobs: 0 } };
  assert.ok(!isFromShortlist({ biases: [], draw: DRAW }, logprobs));
});
