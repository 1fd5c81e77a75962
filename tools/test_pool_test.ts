import assert from "node:assert/strict";
import { type BatchResult, batchResult, runBatches } from "./test_pool.ts";

const OK = { code: 0, output: "ok | 1 passed | 0 failed (1ms)\n" };
const FAILED = { code: 1, output: "FAILED | 0 passed | 1 failed (1ms)\n" };

Deno.test("test pool: runs as many batches side by side as it has jobs, and each once", async () => {
  const begun: string[] = [];
  const waiting: (() => void)[] = [];
  const results: BatchResult[] = [];
  const done = runBatches([["a"], ["b"], ["c"]], {
    jobs: 2,
    async run(files) {
      begun.push(...files);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return OK;
    },
    onResult: (result) => results.push(result),
    isOver: () => false,
  });
  assert.deepEqual(begun, ["a", "b"]);
  while (results.length < 3) {
    waiting.shift()?.();
    await Promise.resolve();
  }
  await done;
  assert.deepEqual(begun, ["a", "b", "c"]);
  assert.deepEqual(results.map(({ counts }) => counts?.passed), [1, 1, 1]);
});

Deno.test("test pool: starts nothing more when the run is over", async () => {
  const results: BatchResult[] = [];
  await runBatches([["a"], ["b"], ["c"]], {
    jobs: 1,
    run: ([file]) => Promise.resolve(file === "b" ? FAILED : OK),
    onResult: (result) => results.push(result),
    isOver: () => results.some(({ code }) => code !== 0),
  });
  assert.deepEqual(results.map(({ files }) => files), [["a"], ["b"]]);
});

Deno.test("test pool: a process without a summary is a failure that says all it said", () => {
  assert.deepEqual(batchResult(["a"], 0, "Segmentation fault\n"), {
    files: ["a"],
    code: 0,
    counts: undefined,
    failures: "Segmentation fault",
    skipped: [],
  });
  assert.equal(batchResult(["a"], 0, OK.output).failures, "");
});
