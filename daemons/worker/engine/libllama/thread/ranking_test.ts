import assert from "node:assert/strict";
import { areEnough } from "./ranking.ts";

Deno.test("candidates are enough if the rest is cut off, or has next to no probability", () => {
  const needed = { weighs: 0, most: 40, heat: 1 };
  assert.ok(areEnough(needed, { allowed: 40, left: 1000, gap: 0 }));
  assert.ok(!areEnough(needed, { allowed: 39, left: 1000, gap: 13 }));
  assert.ok(areEnough(needed, { allowed: 39, left: 1000, gap: 14 }));
  assert.ok(!areEnough(needed, { allowed: 1, left: 1000, gap: 14 }), "39 of them may come");
  assert.ok(areEnough(needed, { allowed: 1, left: 1000, gap: 18 }));
  assert.ok(!areEnough({ ...needed, heat: 2 }, { allowed: 1, left: 1000, gap: 18 }));
  assert.ok(!areEnough({ ...needed, most: Infinity }, { allowed: 40, left: 1e6, gap: 18 }));
  assert.ok(areEnough({ ...needed, most: Infinity }, { allowed: 40, left: 1e6, gap: 28 }));
  assert.ok(!areEnough({ ...needed, heat: Infinity }, { allowed: 39, left: 1000, gap: 1e9 }));
  assert.ok(!areEnough({ ...needed, most: 1 }, { allowed: 0, left: 1000, gap: NaN }));
  assert.ok(areEnough(needed, { allowed: 3, left: 0, gap: NaN }), "there are no others");
});
