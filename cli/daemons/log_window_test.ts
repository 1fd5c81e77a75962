import assert from "node:assert/strict";
import { newLines } from "./log_window.ts";

Deno.test("newLines() returns each line once while the window grows and moves", () => {
  const all = Array.from({ length: 40 }, (_, index) => `line ${index}`);
  let previous: readonly string[] = [];
  const got: string[] = [];
  for (const end of [0, 3, 3, 7, 12, 20, 29, 38, 40]) {
    const window = all.slice(Math.max(0, end - 10), end);
    const { lines, isGap } = newLines(previous, window);
    assert.equal(isGap, false);
    got.push(...lines);
    previous = window;
  }
  assert.deepEqual(got, all);
});

Deno.test("newLines() reports a gap if lines were missed", () => {
  assert.deepEqual(newLines(["a", "b"], ["d", "e"]), { lines: ["d", "e"], isGap: true });
});

Deno.test("newLines() returns a line that has grown again, and nothing for an empty window", () => {
  assert.deepEqual(newLines(["a", "hal"], ["a", "half", "b"]).lines, ["half", "b"]);
  assert.deepEqual(newLines(["a"], []), { lines: [], isGap: false });
});
