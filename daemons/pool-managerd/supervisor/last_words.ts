/** The reason of a worker's end, from its log. */
export interface LastWords {
  /** The line that best explains the end, for people. */
  readonly reason: string | undefined;
  /** The exit code that it logged. */
  readonly exitCode: number | undefined;
}

/** Events that every worker logs at its end; they do not say why it ended. */
const OF_EVERY_END = new Set(["stopping", "stopped"]);

/**
 * Reads the end of a worker's log, which has its own lines of JSON and text of native libraries. It
 * chooses the last error or line of text, otherwise the last line that is not one of every end.
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
