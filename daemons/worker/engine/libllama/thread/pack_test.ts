import assert from "node:assert/strict";
import { pack } from "./pack.ts";

const part = (length: number, adapter?: string) => ({ tokens: { length }, adapter });
const sizes = (batches: { tokens: { length: number } }[][]) =>
  batches.map((batch) => batch.map(({ tokens }) => tokens.length));

Deno.test("pack() fills batches in order", () => {
  assert.deepEqual(sizes(pack([part(1), part(1), part(6), part(1)], 8)), [[1, 1, 6], [1]]);
  assert.deepEqual(sizes(pack([part(9), part(1)], 8)), [[9], [1]]);
  assert.deepEqual(pack([], 8), []);
});

Deno.test("pack() keeps adapters apart", () => {
  const parts = [part(1, "a"), part(2), part(3, "a"), part(4)];
  assert.deepEqual(sizes(pack(parts, 512)), [[1, 3], [2, 4]]);
});
