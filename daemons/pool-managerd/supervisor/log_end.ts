import { KILLED_CODE } from "./worker_life.ts";
import type { ExitStatus } from "#shared/process.ts";

/** What the end of a worker's log says about its exit. */
export interface LogEnd {
  /** Why the worker ended, for people; undefined for a log that does not say it. */
  readonly reason: string | undefined;
  /** The exit code that it logged. */
  readonly exitCode: number | undefined;
}

/** Events that every worker logs when it ends, whatever the reason. */
const AT_EVERY_END = new Set(["stopping", "stopped"]);

/** An error is of a worker's last moments if it was logged at most this long before its end, in ms. */
const LAST_MOMENTS_MS = 10_000;

/** How a process ended that did not end by itself. */
export interface Killed {
  /** Whether nothing in the process could know of it. */
  readonly isSilent: boolean;
  /** When it had ended, in milliseconds since the epoch. */
  readonly at: number;
}

/**
 * What is known of a kill; undefined for a process that ended by itself.
 *
 * @param at When it had ended, in milliseconds since the epoch.
 */
export function killedBy({ signal, exit_code }: ExitStatus, at: number): Killed | undefined {
  if (signal === null && exit_code !== null && exit_code !== KILLED_CODE) return undefined;
  // The status of a process that we only adopted is unknown, unless it logged one.
  return { isSilent: signal === null || signal === "SIGKILL", at };
}

/**
 * Reads the end of a worker's log. The log has lines of JSON by the worker and lines of text by native
 * libraries. The reason is the last error or line of text; without one, the last line that not every
 * worker logs when it ends.
 *
 * A worker that was killed may have logged anything before. Then only an error of its last moments is
 * a reason, or a text with which its log ends, if that could be about the signal.
 *
 * @param lines Oldest first.
 */
export function readLogEnd(lines: readonly string[], killed?: Killed): LogEnd {
  const read = lines.filter(saysSomething).map((line) => ({ line, ...readEvent(line) }));
  const telling = read.filter(({ event }) => !AT_EVERY_END.has(event ?? ""));
  const best = killed ? reasonOfKill(telling, killed) : telling.findLast(mayBeReason) ??
    telling.at(-1);
  return {
    reason: best?.reason ?? best?.line,
    exitCode: read.findLast(({ event }) => event === "stopped")?.exitCode,
  };
}

/** Whether a line is an error or a text. */
function mayBeReason({ event, isError }: Event): boolean {
  return event === undefined || isError === true;
}

function reasonOfKill<E extends Event>(lines: readonly E[], { isSilent, at }: Killed) {
  const isLate = ({ isError, time }: Event) =>
    isError === true && time !== undefined && time >= at - LAST_MOMENTS_MS;
  const lastOrdinary = lines.findLastIndex((line) => !mayBeReason(line));
  return lines.findLast((line, index) =>
    line.event === undefined ? !isSilent && index > lastOrdinary : isLate(line)
  );
}

/** Whether a line is neither blank nor a part of a stack trace. */
function saysSomething(line: string): boolean {
  return /\S/.test(line) && !/^\s+at /.test(line);
}

interface Event {
  readonly event?: string;
  readonly isError?: boolean;
  readonly reason?: string;
  /** In milliseconds since the epoch. */
  readonly time?: number;
  readonly exitCode?: number;
}

/** The used fields of a line of JSON; empty for other lines. */
function readEvent(line: string): Event {
  if (!line.startsWith("{")) return {};
  try {
    const { event, level, reason, exit_code, ts } = JSON.parse(line);
    if (typeof event !== "string") return {};
    const isError = /^(error|fatal)$/i.test(level);
    const time = Date.parse(ts);
    return {
      ...{ event, isError },
      ...(isError && typeof reason === "string" ? { reason } : {}),
      ...(Number.isNaN(time) ? {} : { time }),
      ...(Number.isInteger(exit_code) ? { exitCode: exit_code } : {}),
    };
  } catch {
    return {};
  }
}
