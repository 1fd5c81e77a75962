import assert from "node:assert/strict";
import { GuessLength } from "./guess_length.ts";
import { lookUp } from "./lookup.ts";

Deno.test("lookUp() continues as the text did after an earlier place with the same ending", () => {
  assert.deepEqual(lookUp([1, 2, 3, 4, 5, 9, 2, 3], 2), [4, 5]);
  // The longest ending that occurs earlier counts, at its latest place.
  assert.deepEqual(lookUp([1, 2, 3, 7, 5, 2, 3, 8, 1, 2, 3], 1), [7]);
  assert.deepEqual(lookUp([2, 3, 7, 2, 3, 8, 2, 3], 1), [8]);
});

Deno.test("lookUp() guesses nothing after new text, and continues a repetition", () => {
  assert.deepEqual(lookUp([1, 2, 3, 4], 4), []);
  assert.deepEqual(lookUp([], 4), []);
  assert.deepEqual(lookUp([1, 2, 3, 1, 2, 3], 7), [1, 2, 3, 1, 2, 3, 1]);
  assert.deepEqual(lookUp([5, 5, 5], 3), [5, 5, 5]);
});

Deno.test("GuessLength grows while guesses come true, and shrinks when they do not", () => {
  const length = new GuessLength(16);
  const lengths = [true, true, true, false, false, false, false].map((right) => {
    const now = length.length;
    length.learn(now, right ? now : 0);
    return now;
  });
  assert.deepEqual(lengths, [4, 8, 16, 16, 8, 4, 2]);
  // A guess that was cut short gives no information about longer ones.
  const short = new GuessLength(16);
  short.learn(2, 2);
  assert.equal(short.length, 4);
  assert.equal(new GuessLength(1).length, 1);
});
