import type { WorkerExit } from "#shared/contracts/pool.ts";
import { poolRoutes as routes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { newLines } from "./log_window.ts";

/** Time between two looks at the log: the pool manager reads it as often, in milliseconds. */
const LOOK_MS = 250;

/** What following a worker's log tells. */
export interface LogFollower {
  line(text: string): void;
  /** More was written between two looks than the pool manager keeps. */
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
 * Tells each line of a worker's log once, until the worker has ended. The last line of a look may
 * still grow: it is told once two looks have seen it.
 *
 * @returns how it ended, where the pool manager still knows
 */
export async function followLogs(
  client: Client,
  id: string,
  follower: LogFollower,
  signal: AbortSignal,
): Promise<WorkerExit | undefined> {
  let told: readonly string[] = [];
  let seen: readonly string[] = [];
  for (let isFirst = true;; isFirst = false) {
    // Asked before the log is read: what an ended worker wrote is all there.
    const { workers, exits } = await client.call(routes.state, {}, { signal });
    const window = await readLogs(client, id, signal).catch((error) => {
      if (isFirst || !isNotFound(error)) throw error;
    });
    const hasEnded = window === undefined || !workers.some(({ worker_id }) => worker_id === id);
    // The log of an end that the orchestrator knows of is removed: then the last look counts.
    const now = window?.length ? window : seen;
    const whole = hasEnded || now.at(-1) === seen.at(-1) ? now : now.slice(0, -1);
    const { lines, isGap } = newLines(told, whole);
    if (isGap) follower.gap();
    lines.forEach((line) => follower.line(line));
    if (hasEnded) return exits.find(({ worker_id }) => worker_id === id);
    if (whole.length > 0) told = whole;
    seen = now;
    await delay(LOOK_MS, signal);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof LlorchError && error.code === "NOT_FOUND";
}
