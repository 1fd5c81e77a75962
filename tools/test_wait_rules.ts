/** States that may last only for a moment, so that polling can miss them. */
const PASSING = [
  /\bactive\s*(?:={2,3}\s*[1-9]|>=?\s*\d)/,
  /\b(?:status|state)\s*={2,3}\s*"(?:queued|dispatched|running|starting|loading)"/,
];

/**
 * Finds calls of `until()` in a test that wait for a state that may end between two checks: that a
 * job runs, or a model loads. If it ends before the first check, the test waits in vain.
 *
 * @returns the line of each, from 1, and the condition on one line
 */
export function passingWaits(source: string): { line: number; condition: string }[] {
  return [...source.matchAll(/\buntil\(/g)].flatMap((match) => {
    const condition = callAt(source, match.index);
    if (!PASSING.some((pattern) => pattern.test(condition))) return [];
    const line = source.slice(0, match.index).split("\n").length;
    return [{ line, condition: condition.replace(/\s+/g, " ") }];
  });
}

/** The text of a call from its name to its closing bracket. */
function callAt(source: string, start: number): string {
  let depth = 0;
  for (let at = source.indexOf("(", start); at < source.length; at++) {
    if (source[at] === "(") depth++;
    else if (source[at] === ")" && --depth === 0) return source.slice(start, at + 1);
  }
  return source.slice(start);
}
