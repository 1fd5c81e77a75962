/** What the end of a worker's log says about its exit. */
export interface LogEnd {
  /** Why the worker ended, for people; undefined for a log that does not say it. */
  readonly reason: string | undefined;
  /** The exit code that it logged. */
  readonly exitCode: number | undefined;
}

/** Events that every worker logs when it ends, whatever the reason. */
const AT_EVERY_END = new Set(["stopping", "stopped"]);

/**
 * Reads the end of a worker's log. The log has lines of JSON by the worker and lines of text by native
 * libraries. The reason is the last error or line of text; without one, the last line that not every
 * worker logs when it ends.
 *
 * @param lines Oldest first.
 */
export function readLogEnd(lines: readonly string[]): LogEnd {
  const read = lines.filter(saysSomething).map((line) => ({ line, ...readEvent(line) }));
  const telling = read.filter(({ event }) => !AT_EVERY_END.has(event ?? ""));
  const best = telling.findLast(({ event, isError }) => event === undefined || isError) ??
    telling.at(-1);
  return {
    reason: best?.reason ?? best?.line,
    exitCode: read.findLast(({ event }) => event === "stopped")?.exitCode,
  };
}

/** Whether a line is neither blank nor a part of a stack trace. */
function saysSomething(line: string): boolean {
  return /\S/.test(line) && !/^\s+at /.test(line);
}

interface Event {
  readonly event?: string;
  readonly isError?: boolean;
  readonly reason?: string;
  readonly exitCode?: number;
}

/** The used fields of a line of JSON; empty for other lines. */
function readEvent(line: string): Event {
  if (!line.startsWith("{")) return {};
  try {
    const { event, level, reason, exit_code } = JSON.parse(line);
    if (typeof event !== "string") return {};
    const isError = /^(error|fatal)$/i.test(level) && typeof reason === "string";
    return {
      event,
      isError,
      ...(isError ? { reason } : {}),
      ...(Number.isInteger(exit_code) ? { exitCode: exit_code } : {}),
    };
  } catch {
    return {};
  }
}
