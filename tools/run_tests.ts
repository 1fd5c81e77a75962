/**
 * Runs every test, or those that the arguments select, and ends with a summary line. Files run in
 * parallel, in two processes more than there are cores, and those of `test_alone.ts` afterwards,
 * one at a time.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { sourceFiles } from "./repo.ts";
import { ALONE, LONG, LONGEST } from "./test_alone.ts";
import {
  defaultJobs,
  pathOf,
  planTests,
  readArguments,
  selectTests,
  type TestArguments,
  unknownPaths,
} from "./test_plan.ts";
import { type BatchResult, batchResult, type PoolOptions, runBatches } from "./test_pool.ts";
import { runTests } from "./test_process.ts";
import { addCounts, foundNothing, isNothing, reasonLines, summaryLine } from "./test_summary.ts";

/** Signals that end a run. */
const ENDS = ["SIGINT", "SIGTERM"] as const;

/** The exit code of a run that was interrupted. */
const INTERRUPTED = 130;

/** Runs the tests that the arguments select; returns the exit code. */
export async function test(args: readonly string[]): Promise<number> {
  const all = sourceFiles().filter((file) => file.endsWith("_test.ts"));
  const given = readArguments(args);
  const asked = { ...given, paths: given.paths.map((each) => pathOf(all, each)) };
  const named = new Map(given.paths.map((each, index) => [each, asked.paths[index]!]));
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  for (const name of ENDS) Deno.addSignalListener(name, stop);
  try {
    const results = asked.together
      ? [await oneProcess(args.map((arg) => named.get(arg) ?? arg), asked, interrupt.signal)]
      : await manyProcesses(all, asked, interrupt.signal);
    if (interrupt.signal.aborted) console.error("Interrupted: not every test was tried");
    return conclude(results, args) || (interrupt.signal.aborted ? INTERRUPTED : 0);
  } finally {
    for (const name of ENDS) Deno.removeSignalListener(name, stop);
  }
}

/** Runs everything in one `deno test`, as options such as `--watch` require. */
async function oneProcess(
  args: readonly string[],
  { paths }: TestArguments,
  signal: AbortSignal,
): Promise<BatchResult> {
  const ignored = paths.length > 0 ? [] : [`--ignore=${LONG.join(",")}`];
  const { code, output } = await runTests([...ignored, ...args], { signal, onOutput: write });
  return batchResult(paths, code, output);
}

/**
 * Runs batches in parallel, then the files that must run alone.
 *
 * @throws {RangeError} if a name in `test_alone.ts` has no test file
 */
async function manyProcesses(
  all: readonly string[],
  { paths, flags, jobs = defaultJobs(availableParallelism()) }: TestArguments,
  signal: AbortSignal,
): Promise<BatchResult[]> {
  refuseUnknown(all, [...Object.keys(ALONE), ...LONG, ...LONGEST]);
  const { batches, alone } = planTests(selectTests(all, paths));
  const results: BatchResult[] = [];
  const failsFast = flags.some((flag) => flag.startsWith("--fail-fast"));
  const pool = {
    isOver: () => signal.aborted || failsFast && results.some(({ code }) => code !== 0),
    onResult: (result: BatchResult) => results.push(result),
  };
  const live: PoolOptions = {
    ...pool,
    jobs: 1,
    run: (files) => runTests([...flags, ...files], { signal, onOutput: write }),
  };
  // The output of parallel batches is shown when each has ended; otherwise it is shown as it
  // arrives.
  const quiet: PoolOptions = {
    ...pool,
    jobs,
    async run(files) {
      const outcome = await runTests([...flags, ...files], { signal });
      const { counts, failures } = batchResult(files, outcome.code, outcome.output);
      const isEmpty = failures === "" && counts !== undefined && isNothing(counts);
      if (!isEmpty) write(new TextEncoder().encode(outcome.output), "stdout");
      return outcome;
    },
  };
  await runBatches(batches, batches.length === 1 || jobs === 1 ? live : quiet);
  await runBatches(alone.map((file) => [file]), live);
  return results;
}

function refuseUnknown(all: readonly string[], paths: readonly string[]): void {
  const [unknown] = unknownPaths(all, paths);
  if (unknown === undefined) return;
  throw new RangeError(`No test file is at '${unknown}', which tools/test_alone.ts names`);
}

/** Repeats the failures, prints the summary line, and returns the exit code. */
function conclude(results: readonly BatchResult[], args: readonly string[]): number {
  const failed = results.filter(({ code, counts }) => code !== 0 || counts === undefined);
  if (results.length > 1) {
    for (const { files, failures } of failed) {
      console.log(`\nFailed in ${files.join(" ")}:\n\n${failures}\n`);
    }
  }
  const broken = results.filter(({ counts }) => counts === undefined);
  for (const { files } of broken) {
    console.log(`Cannot find the summary of deno test: see above for ${files.join(" ")}`);
  }
  const counts = addCounts(results.flatMap((result) => result.counts ?? []));
  for (const line of reasonLines(results.flatMap(({ skipped }) => skipped))) console.log(line);
  console.log(summaryLine(counts));
  if (failed.length > 0) return failed.find(({ code }) => code !== 0)?.code ?? 1;
  if (foundNothing(counts, args)) {
    console.error("No test has a name that matches --filter: nothing was run");
    return 1;
  }
  return 0;
}

function write(bytes: Uint8Array, stream: "stdout" | "stderr"): void {
  for (let at = 0; at < bytes.length;) at += Deno[stream].writeSync(bytes.subarray(at));
}

if (import.meta.main) {
  try {
    Deno.exit(await test(Deno.args));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
