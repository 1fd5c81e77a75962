/** What was added to a log since it was last read. */
export interface LogNews {
  readonly lines: readonly string[];
  /** Whether some lines are missing: they were written and dropped between two reads. */
  readonly isGap: boolean;
}

/**
 * The lines that are new in the later of two windows onto the end of the same log. The last line of
 * a window may be incomplete; a longer line that begins with it is the same line.
 */
export function newLines(before: readonly string[], now: readonly string[]): LogNews {
  if (before.length === 0 || now.length === 0) return { lines: now, isGap: false };
  for (let start = 0; start < before.length; start++) {
    const shared = before.length - start;
    if (shared > now.length || !continues(before.slice(start), now)) continue;
    const isGrown = now[shared - 1] !== before.at(-1);
    return { lines: now.slice(isGrown ? shared - 1 : shared), isGap: false };
  }
  return { lines: now, isGap: true };
}

/** Whether a window begins with these lines. */
function continues(lines: readonly string[], window: readonly string[]): boolean {
  return lines.every((line, index) =>
    window[index] === line ||
    index === lines.length - 1 && window[index]?.startsWith(line) === true
  );
}
