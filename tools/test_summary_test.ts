import assert from "node:assert/strict";
import {
  addCounts,
  foundNothing,
  reasonLines,
  skipReasons,
  summaryLine,
  testFailures,
  testSummary,
} from "./test_summary.ts";

Deno.test("test summary: counts what passed, failed and was skipped", () => {
  assert.deepEqual(testSummary("\nok | 12 passed | 0 failed (8ms)\n"), {
    passed: 12,
    failed: 0,
    skipped: 0,
  });
  assert.deepEqual(
    testSummary(
      "FAILED | 2 passed (1 step) | 1 failed (2 steps) | 3 ignored | 4 filtered out (8ms)",
    ),
    { passed: 2, failed: 1, skipped: 3 },
  );
});

Deno.test("test summary: the plain line is a sum over all processes", () => {
  const one = { passed: 2, failed: 0, skipped: 0 };
  const other = { passed: 3, failed: 1, skipped: 4 };
  assert.equal(summaryLine(one), "2 passed, 0 failed");
  assert.equal(summaryLine(addCounts([one, other])), "5 passed, 1 failed, 4 skipped");
  assert.equal(summaryLine(addCounts([])), "0 passed, 0 failed");
});

Deno.test("test summary: why tests were skipped is said once for each reason", () => {
  const output = [
    "a job goes on (skipped: needs Debian's package postgresql) ... \u001b[33mignored\u001b[0m (0ms)",
    "another one (skipped: needs Debian's package postgresql) ... ignored (0ms)",
    "a proxy (skipped: haproxy is not installed) ... ignored (0ms)",
    "without a reason ... ignored (0ms)",
    "it ran, whatever its name says (skipped: no) ... ok (1ms)",
  ].join("\n");
  assert.deepEqual(reasonLines(skipReasons(output)), [
    "2 skipped: needs Debian's package postgresql",
    "1 skipped: haproxy is not installed",
  ]);
  assert.deepEqual(reasonLines([]), []);
});

Deno.test("test summary: colours do not hide it", () => {
  const line = "\u001b[32mok\u001b[0m | 1 passed | 0 failed \u001b[38;5;245m(8ms)\u001b[0m";
  assert.deepEqual(testSummary(line), { passed: 1, failed: 0, skipped: 0 });
});

Deno.test("test summary: what a test prints earlier is not taken for it", () => {
  const output = "ok | 9 passed | 0 failed (1ms)\nFAILED | 1 passed | 1 failed (2ms)\n";
  assert.deepEqual(testSummary(output), { passed: 1, failed: 1, skipped: 0 });
});

Deno.test("test summary: none is undefined", () => {
  assert.equal(testSummary("error: Module not found"), undefined);
});

Deno.test("test summary: the errors and the names of failed tests can be said once more", () => {
  const output = [
    "running 1 test from ./a_test.ts",
    "a ... \u001b[31mFAILED\u001b[0m (2ms)",
    "",
    "\u001b[1m\u001b[37m\u001b[41m ERRORS \u001b[0m",
    "",
    "a => ./a_test.ts:1:6",
    "error: AssertionError: 1 !== 2",
    "",
    " FAILURES ",
    "",
    "a => ./a_test.ts:1:6",
    "",
    "FAILED | 0 passed | 1 failed (2ms)",
  ].join("\n");
  assert.equal(
    testFailures(output),
    "ERRORS \n\na => ./a_test.ts:1:6\nerror: AssertionError: 1 !== 2\n\n FAILURES \n\na => ./a_test.ts:1:6",
  );
  assert.equal(testFailures("ok | 1 passed | 0 failed (2ms)"), undefined);
});

Deno.test("test summary: a filter that leaves nothing over is no success", () => {
  const nothing = { passed: 0, failed: 0, skipped: 0 };
  assert.ok(foundNothing(nothing, ["--filter=zzz"]));
  assert.ok(!foundNothing(nothing, ["cli/empty/"]));
  assert.ok(!foundNothing({ ...nothing, skipped: 1 }, ["--filter", "gpu"]));
});
