import assert from "node:assert/strict";
import { foundNothing, testSummary } from "./test_summary.ts";

Deno.test("test summary: counts what passed, failed and was skipped", () => {
  assert.equal(testSummary("\nok | 12 passed | 0 failed (8ms)\n"), "12 passed, 0 failed");
  assert.equal(
    testSummary(
      "FAILED | 2 passed (1 step) | 1 failed (2 steps) | 3 ignored | 4 filtered out (8ms)",
    ),
    "2 passed, 1 failed, 3 skipped",
  );
});

Deno.test("test summary: colours do not hide it", () => {
  const line = "\u001b[32mok\u001b[0m | 1 passed | 0 failed \u001b[38;5;245m(8ms)\u001b[0m";
  assert.equal(testSummary(line), "1 passed, 0 failed");
});

Deno.test("test summary: what a test prints earlier is not taken for it", () => {
  const output = "ok | 9 passed | 0 failed (1ms)\nFAILED | 1 passed | 1 failed (2ms)\n";
  assert.equal(testSummary(output), "1 passed, 1 failed");
});

Deno.test("test summary: none is undefined", () => {
  assert.equal(testSummary("error: Module not found"), undefined);
});

Deno.test("test summary: a filter that leaves nothing over is no success", () => {
  assert.ok(foundNothing("0 passed, 0 failed", ["--filter=zzz"]));
  assert.ok(!foundNothing("0 passed, 0 failed", ["cli/empty/"]));
  assert.ok(!foundNothing("0 passed, 0 failed, 1 skipped", ["--filter", "gpu"]));
});
