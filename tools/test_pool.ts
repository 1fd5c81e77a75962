import type { Outcome } from "./command.ts";
import { skipReasons, type TestCounts, testFailures, testSummary } from "./test_summary.ts";

/** Options of {@linkcode runBatches}. */
export interface PoolOptions {
  /** Number of parallel batches. */
  readonly jobs: number;
  /** Runs the tests of one batch. */
  readonly run: (files: readonly string[]) => Promise<Outcome>;
  /** Called with the result of each batch as soon as it has ended. */
  readonly onResult: (result: BatchResult) => void;
  /** Whether no further batch may start. */
  readonly isOver: () => boolean;
}

/** Result of a batch. */
export interface BatchResult {
  readonly files: readonly string[];
  readonly code: number;
  /** Undefined if `deno test` printed no summary, because it ended before its tests. */
  readonly counts: TestCounts | undefined;
  /** Why tests were skipped, once for each test that says it. */
  readonly skipped: readonly string[];
  /** Output of `deno test` about failed tests, or the whole output of a broken batch. */
  readonly failures: string;
}

/** Runs batches in parallel, in order, until none is left or the run is over. */
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

/** Reads the output of a `deno test` process. */
export function batchResult(files: readonly string[], code: number, output: string): BatchResult {
  const counts = testSummary(output);
  const failures = code === 0 && counts ? "" : testFailures(output) ?? output.trim();
  return { files, code, counts, failures, skipped: skipReasons(output) };
}
