import assert from "node:assert/strict";
import { cut, floats, toBase64 } from "./vectors.ts";

Deno.test("a vector is cut to its first numbers and has length 1 again", () => {
  assert.deepEqual(cut([0.6, 0.8, 0], 2), [0.6, 0.8]);
  assert.deepEqual(cut([3, 4, 12], 2), [0.6, 0.8]);
  assert.deepEqual(cut([0, 0, 1], 2), [0, 0]);
  assert.deepEqual(floats(toBase64([1, -0.5])), [1, -0.5]);
  assert.throws(() => cut([1], 2), /dimensions: must be at most 1, the model's own/);
});
