import { stripVTControlCharacters } from "node:util";

/** How the tests of a run have ended. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Deno's own last line: `ok | 3 passed (2 steps) | 0 failed | 1 ignored (12ms)`. */
const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/gm;

/** The headline over what went wrong. */
const ERRORS = /^ ERRORS *$/gm;

/** Reads the summary of `deno test` from what it printed; undefined when it is not there. */
export function testSummary(output: string): TestCounts | undefined {
  const last = [...stripVTControlCharacters(output).matchAll(SUMMARY)].at(-1);
  if (!last) return undefined;
  const [, passed, failed, ignored] = last;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(ignored ?? 0) };
}

/**
 * The errors and the names of the failed tests from what `deno test` printed, without colours;
 * undefined when no test has failed in it.
 */
export function testFailures(output: string): string | undefined {
  const plain = stripVTControlCharacters(output);
  const begin = [...plain.matchAll(ERRORS)].at(-1)?.index;
  if (begin === undefined) return undefined;
  const end = [...plain.matchAll(SUMMARY)].at(-1)?.index;
  return plain.slice(begin, end).trim();
}

/** The counts of several processes as one. */
export function addCounts(counts: readonly TestCounts[]): TestCounts {
  return counts.reduce((sum, each) => ({
    passed: sum.passed + each.passed,
    failed: sum.failed + each.failed,
    skipped: sum.skipped + each.skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/** The plain line `3 passed, 0 failed, 1 skipped`. */
export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

/** Whether no test was tried. */
export function isNothing({ passed, failed, skipped }: TestCounts): boolean {
  return passed + failed + skipped === 0;
}

/** Whether a filter has left no test over: that is a slip, and no success. */
export function foundNothing(counts: TestCounts, args: readonly string[]): boolean {
  return isNothing(counts) && args.some((arg) => arg.startsWith("--filter"));
}
