import assert from "node:assert/strict";
import { CutRange } from "./cut_range.ts";

Deno.test("a whole memory can be cut anywhere", () => {
  const range = new CutRange({ kind: "whole", window: 0 });
  range.evaluated(1000);
  range.restored(500);
  for (const length of [0, 1, 499]) assert.ok(range.allows(length, 500));
});

Deno.test("a whole memory of a window that was read back has no more than the window", () => {
  const range = new CutRange({ kind: "whole", window: 32 });
  range.evaluated(1000);
  assert.ok(range.allows(1, 1000));
  range.restored(80);
  assert.ok(range.allows(79, 80));
  assert.ok(!range.allows(78, 80));
  range.evaluated(300);
  assert.ok(range.allows(79, 300));
  assert.ok(!range.allows(78, 300));
  range.restored(0);
  assert.ok(range.allows(1, 50));
});

Deno.test("a window can be cut as long as nothing of it was overwritten", () => {
  const range = new CutRange({ kind: "window", window: 32, spare: 64 });
  range.evaluated(96);
  assert.ok(range.allows(1, 96));
  range.evaluated(106);
  // From token 10 on, all are there: those that the next one sees, which is itself one of the 32.
  assert.ok(!range.allows(40, 106));
  assert.ok(range.allows(41, 106));
  // What is overwritten does not come back with a cut.
  range.evaluated(50);
  assert.ok(!range.allows(40, 50));
  range.restored(0);
  assert.ok(range.allows(1, 50));
});

Deno.test("a window that was read back has no more than the window", () => {
  const range = new CutRange({ kind: "window", window: 32, spare: 64 });
  range.restored(80);
  assert.ok(range.allows(79, 80));
  assert.ok(!range.allows(78, 80));
  range.evaluated(300);
  assert.ok(range.allows(300 - 65, 300));
  assert.ok(!range.allows(300 - 66, 300));
});

Deno.test("a recurrent state can be taken back by what was guessed in the last batch, until something else runs", () => {
  const range = new CutRange({ kind: "recurrent" });
  range.evaluated(100);
  assert.ok(range.allows(100, 100));
  assert.ok(!range.allows(99, 100));
  range.evaluated(105, 3);
  assert.ok(range.allows(102, 105));
  assert.ok(!range.allows(101, 105));
  range.settle();
  assert.ok(!range.allows(104, 105));
});
