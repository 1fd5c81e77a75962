/** What a worker's log says of its end. */
export interface LastWords {
  /** The line that says most of why, for people. */
  readonly reason: string | undefined;
  /** The code that it ended with, as it said itself. */
  readonly exitCode: number | undefined;
}

/** Events of every end: they say that it ended, and not why. */
const OF_EVERY_END = new Set(["stopping", "stopped"]);

/**
 * Reads the end of a worker's log, where its own lines of JSON and a native library's text mix: the
 * last error of its own or line of text, else the last line that is more than its goodbye.
 *
 * @param lines Oldest first.
 */
export function lastWords(lines: readonly string[]): LastWords {
  const said = lines.filter(saysSomething).map((line) => ({ line, ...readEvent(line) }));
  const telling = said.filter(({ event }) => !OF_EVERY_END.has(event ?? ""));
  const best = telling.findLast(({ event, isError }) => event === undefined || isError) ??
    telling.at(-1);
  return {
    reason: best?.reason ?? best?.line,
    exitCode: said.findLast(({ event }) => event === "stopped")?.exitCode,
  };
}

/** Whether a line is neither blank nor one of a stack. */
function saysSomething(line: string): boolean {
  return /\S/.test(line) && !/^\s+at /.test(line);
}

interface Event {
  readonly event?: string;
  readonly isError?: boolean;
  readonly reason?: string;
  readonly exitCode?: number;
}

/** The fields of a line of JSON that count here; none of other lines. */
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
