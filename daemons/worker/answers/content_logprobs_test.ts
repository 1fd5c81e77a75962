import assert from "node:assert/strict";
import type { ChosenLogprob } from "#shared/contracts/events.ts";
import { ContentLogprobs } from "./content_logprobs.ts";

const of = (t: string): ChosenLogprob => ({ id: 1, t, logprob: -1, top: [] });
const texts = (logprobs: readonly ChosenLogprob[]) => logprobs.map(({ t }) => t);

Deno.test("a token belongs to the text that has the first of its characters", () => {
  const logprobs = new ContentLogprobs();
  logprobs.add([of("ab")], { from: 0, to: 2 });
  logprobs.add([of("cd")], { from: 2, to: 4 });
  logprobs.read([{ from: 0, to: 4 }]);
  assert.deepEqual(texts(logprobs.take(1)), ["ab"]);
  assert.deepEqual(texts(logprobs.take(2)), ["cd"]);
  assert.deepEqual(texts(logprobs.take(1)), []);
});

Deno.test("tokens of one character are together, and those of other text are left", () => {
  const logprobs = new ContentLogprobs();
  logprobs.add([of("<mark>")], { from: 0, to: 6 });
  logprobs.add([of("\ufffd"), of("\ufffd")], { from: 6, to: 7 });
  logprobs.add([of("<mark>")], { from: 7, to: 13 });
  logprobs.add([of("b<")], { from: 13, to: 15 });
  // Text of the prompt stands before the answer.
  logprobs.read([{ from: -3, to: 0 }, { from: 6, to: 7 }, { from: 13, to: 14 }]);
  assert.deepEqual(texts(logprobs.take(5)), ["\ufffd", "\ufffd", "b<"]);
  assert.deepEqual(texts(logprobs.takeRest()), ["<mark>", "<mark>"]);
  assert.deepEqual(texts(logprobs.takeRest()), []);
});

Deno.test("tokens before the sent text are forgotten, those after it may be of later text", () => {
  const logprobs = new ContentLogprobs();
  logprobs.add([of("<mark>")], { from: 0, to: 6 });
  logprobs.add([of("a")], { from: 6, to: 7 });
  logprobs.add([of("b")], { from: 7, to: 8 });
  logprobs.read([{ from: 6, to: 8 }]);
  assert.deepEqual(texts(logprobs.take(1)), ["a"]);
  logprobs.forget();
  assert.deepEqual(texts(logprobs.take(1)), ["b"]);
  assert.deepEqual(texts(logprobs.takeRest()), []);
});
