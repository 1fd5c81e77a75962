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
 * Tells each line of a worker's log once, until the worker has ended.
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
  let held: readonly string[] | undefined;
  for (let isFirst = true;; isFirst = false) {
    // Asked before the log is read: what an ended worker wrote is all there.
    const { workers, exits } = await client.call(routes.state, {}, { signal });
    const hasEnded = !workers.some(({ worker_id }) => worker_id === id);
    const window = await readLogs(client, id, signal).catch((error) => {
      // An end that the orchestrator knows of is forgotten, with its log.
      if (hasEnded && !isFirst && isNotFound(error)) return held ?? told;
      throw error;
    });
    const complete = hasEnded ? window : wholeLines(window, held);
    const { lines, isGap } = newLines(told, complete);
    if (isGap) follower.gap();
    lines.forEach((line) => follower.line(line));
    if (complete.length > 0) told = complete;
    held = window;
    if (hasEnded) return exits.find(({ worker_id }) => worker_id === id);
    await delay(LOOK_MS, signal);
  }
}

/** A window without a last line that may still grow: it counts once two looks have seen it. */
function wholeLines(
  window: readonly string[],
  before: readonly string[] | undefined,
): readonly string[] {
  return window.at(-1) === before?.at(-1) ? window : window.slice(0, -1);
}

function isNotFound(error: unknown): boolean {
  return error instanceof LlorchError && error.code === "NOT_FOUND";
}
