import type { WorkerExit } from "#shared/contracts/pool.ts";
import { poolRoutes as routes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { newLines } from "./log_window.ts";

/** Interval between reads of the log, in milliseconds; the pool manager's own is the same. */
const POLL_MS = 250;

/** Receives a worker's log while it is followed. */
export interface LogFollower {
  line(text: string): void;
  /** Called when more was written between two reads than the pool manager keeps. */
  gap(): void;
}

/** The last lines of a worker's log. */
export async function readLogs(
  client: Client,
  id: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return (await client.call(routes.workerLogs, { params: { id } }, { signal })).lines;
}

/**
 * Passes on each line of a worker's log once, until the worker has ended. The last line of a read
 * may be incomplete: it is passed on once two reads have seen it.
 *
 * @returns how it ended; undefined when the pool manager no longer knows
 */
export async function followLogs(
  client: Client,
  id: string,
  follower: LogFollower,
  signal: AbortSignal,
): Promise<WorkerExit | undefined> {
  let shown: readonly string[] = [];
  let seen: readonly string[] = [];
  for (let isFirst = true;; isFirst = false) {
    // Read before the log, so that the log of a worker that has ended is complete.
    const { workers, exits } = await client.call(routes.state, {}, { signal });
    const window = await readLogs(client, id, signal).catch((error) => {
      if (isFirst || !isNotFound(error)) throw error;
    });
    const hasEnded = window === undefined || !workers.some(({ worker_id }) => worker_id === id);
    // The log is removed once the orchestrator knows of the end: then the last read counts.
    const now = window?.length ? window : seen;
    const whole = hasEnded || now.at(-1) === seen.at(-1) ? now : now.slice(0, -1);
    const { lines, isGap } = newLines(shown, whole);
    if (isGap) follower.gap();
    lines.forEach((line) => follower.line(line));
    if (hasEnded) return exits.find(({ worker_id }) => worker_id === id);
    if (whole.length > 0) shown = whole;
    seen = now;
    await delay(POLL_MS, signal);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof LlorchError && error.code === "NOT_FOUND";
}
