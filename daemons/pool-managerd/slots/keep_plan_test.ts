import assert from "node:assert/strict";
import { toErase } from "./keep_plan.ts";

const slot = (usedAt: number, bytes = 10) => ({ usedAt, bytes });
const bounds = { maxBytes: 25, expireMs: 100, now: 1000 };
const erased = (...slots: ReturnType<typeof slot>[]) =>
  toErase(slots, bounds).map(({ usedAt }) => usedAt).sort();

Deno.test("saved slots within the quota stay until they expire", () => {
  assert.deepEqual(erased(slot(901), slot(1000)), []);
  assert.deepEqual(erased(slot(900), slot(1000)), [900]);
});

Deno.test("over the quota the least recently used slots are removed", () => {
  assert.deepEqual(erased(slot(990), slot(970), slot(980)), [970]);
});

Deno.test("a slot larger than the quota is removed, and no other", () => {
  assert.deepEqual(erased(slot(990), slot(980), slot(1000, 26)), [1000]);
});

Deno.test("a slot from the future is removed, because the clock was set back", () => {
  assert.deepEqual(erased(slot(1101)), [1101]);
});
