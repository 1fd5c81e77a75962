import { stripVTControlCharacters } from "node:util";

/** Counts of a run's tests. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Deno's own last line: `ok | 3 passed (2 steps) | 0 failed | 1 ignored (12ms)`. */
const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/gm;

/** The headline before the errors. */
const ERRORS = /^ ERRORS *$/gm;

/** Reads the summary of `deno test` from its output; undefined if there is none. */
export function testSummary(output: string): TestCounts | undefined {
  const last = [...stripVTControlCharacters(output).matchAll(SUMMARY)].at(-1);
  if (!last) return undefined;
  const [, passed, failed, ignored] = last;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(ignored ?? 0) };
}

/**
 * The errors and the names of failed tests from the output of `deno test`, without colours;
 * undefined if no test failed.
 */
export function testFailures(output: string): string | undefined {
  const plain = stripVTControlCharacters(output);
  const begin = [...plain.matchAll(ERRORS)].at(-1)?.index;
  if (begin === undefined) return undefined;
  const end = [...plain.matchAll(SUMMARY)].at(-1)?.index;
  return plain.slice(begin, end).trim();
}

/** A test that was not run, with the reason in its name. */
const SKIPPED = /\(skipped: ([^)]+)\) \.\.\. ignored/g;

/** Reasons for which tests of `deno test` were skipped, once for each test. */
export function skipReasons(output: string): string[] {
  return [...stripVTControlCharacters(output).matchAll(SKIPPED)].map(([, reason]) => reason!);
}

/** A line for each reason, with the number of its tests; none if all tests ran. */
export function reasonLines(reasons: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([reason, count]) =>
    `${count} skipped: ${reason}`
  );
}

/** Adds up the counts of several processes. */
export function addCounts(counts: readonly TestCounts[]): TestCounts {
  return counts.reduce((sum, each) => ({
    passed: sum.passed + each.passed,
    failed: sum.failed + each.failed,
    skipped: sum.skipped + each.skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/** The summary line `3 passed, 0 failed, 1 skipped`. */
export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

/** Whether no test ran. */
export function isNothing({ passed, failed, skipped }: TestCounts): boolean {
  return passed + failed + skipped === 0;
}

/** Whether a filter selected no test, which is a mistake and not a success. */
export function foundNothing(counts: TestCounts, args: readonly string[]): boolean {
  return isNothing(counts) && args.some((arg) => arg.startsWith("--filter"));
}
