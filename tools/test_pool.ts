import type { Outcome } from "./command.ts";
import { type TestCounts, testFailures, testSummary } from "./test_summary.ts";

/** How {@linkcode runBatches} runs. */
export interface PoolOptions {
  /** How many batches run at the same time. */
  readonly jobs: number;
  /** Runs the tests of one batch. */
  readonly run: (files: readonly string[]) => Promise<Outcome>;
  /** Takes what each batch has come to, as soon as it has ended. */
  readonly onResult: (result: BatchResult) => void;
  /** Whether no further batch may start. */
  readonly isOver: () => boolean;
}

/** What a batch has come to. */
export interface BatchResult {
  readonly files: readonly string[];
  readonly code: number;
  /** Undefined when `deno test` said no summary: it has ended before its tests. */
  readonly counts: TestCounts | undefined;
  /** What `deno test` said of the tests that failed, or all that a broken batch said. */
  readonly failures: string;
}

/** Runs batches side by side, in order, until none is left or the run is over. */
export async function runBatches(
  batches: readonly (readonly string[])[],
  { jobs, run, onResult, isOver }: PoolOptions,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < batches.length && !isOver()) {
      const files = batches[next++]!;
      const { code, output } = await run(files);
      onResult(batchResult(files, code, output));
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, batches.length) }, lane));
}

/** Reads what a process of `deno test` has said. */
export function batchResult(files: readonly string[], code: number, output: string): BatchResult {
  const counts = testSummary(output);
  const failures = code === 0 && counts ? "" : testFailures(output) ?? output.trim();
  return { files, code, counts, failures };
}
