import { stripVTControlCharacters } from "node:util";

/** Deno's own last line: `ok | 3 passed (2 steps) | 0 failed | 1 ignored (12ms)`. */
const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/gm;

/**
 * What `deno test` printed, as the plain line `3 passed, 0 failed, 1 skipped`; undefined when its
 * summary is not there.
 */
export function testSummary(output: string): string | undefined {
  const last = [...stripVTControlCharacters(output).matchAll(SUMMARY)].at(-1);
  if (!last) return undefined;
  const [, passed, failed, ignored] = last;
  const skipped = ignored === undefined ? "" : `, ${ignored} skipped`;
  return `${passed} passed, ${failed} failed${skipped}`;
}

/** Whether a filter has left no test over: that is a slip, and no success. */
export function foundNothing(summary: string | undefined, args: readonly string[]): boolean {
  return summary === "0 passed, 0 failed" && args.some((arg) => arg.startsWith("--filter"));
}
