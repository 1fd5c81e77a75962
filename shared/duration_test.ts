import assert from "node:assert/strict";
import { formatDuration } from "./duration.ts";

Deno.test("formatDuration() uses at most two units", () => {
  assert.equal(formatDuration(0.4), "0 ms");
  assert.equal(formatDuration(1449), "1.4 s");
  assert.equal(formatDuration(192_000), "3 min 12 s");
  assert.equal(formatDuration(7_500_000), "2 h 5 min");
  assert.equal(formatDuration(356_400_000), "4 d 3 h");
});
