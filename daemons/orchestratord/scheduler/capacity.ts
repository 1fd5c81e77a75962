import { LlorchError } from "#shared/errors.ts";
import { retryAfter } from "./rates.ts";
import type { State } from "./state.ts";

/** Tenants without a place that are remembered. */
const REMEMBERED = 10_000;

/** A tenant that was refused gets so much longer than it was told to wait before its place is lost. */
const LATE = 3;

/**
 * Finds a place in the queue for one more job of a tenant. A tenant that finds none is remembered, and
 * those that hold more than their share of the queue get no further place until it has come back:
 * else whoever is in would take each place that becomes free before anybody else can ask for it.
 *
 * @throws {LlorchError} `QUEUE_FULL` with the time after which a place should be free.
 */
export function takePlace(state: State, tenant: string, now: number): void {
  const { queueCapacity } = state.policy;
  for (const [name, until] of state.refused) if (until < now) state.refused.delete(name);
  const isFull = state.queued.size >= queueCapacity;
  const isOver = !isFull && waitsFor(state, tenant) && waiting(state, tenant) >= shareOf(state);
  if (!isFull && !isOver) {
    state.refused.delete(tenant);
    return;
  }
  const retryAfterMs = retryAfter(state);
  if (isFull && state.refused.size < REMEMBERED) {
    state.refused.set(tenant, now + LATE * retryAfterMs);
  }
  throw new LlorchError(
    "QUEUE_FULL",
    isFull
      ? `Cannot queue another job: ${state.queued.size} of ${queueCapacity} places are taken`
      : `Cannot queue another job: the free places are for others, who have fewer than your ${
        waiting(state, tenant)
      }`,
    { retryAfterMs },
  );
}

/** Whether somebody else was refused. */
function waitsFor(state: State, tenant: string): boolean {
  return state.refused.size > (state.refused.has(tenant) ? 1 : 0);
}

/** Places of each tenant that is there or was refused. */
function shareOf(state: State): number {
  let tenants = state.refused.size;
  for (const [tenant, { jobs }] of state.shares) {
    if (jobs > 0 && !state.refused.has(tenant)) tenants++;
  }
  return state.policy.queueCapacity / Math.max(1, tenants);
}

/** Jobs of a tenant that wait. */
function waiting(state: State, tenant: string): number {
  let count = 0;
  for (const { interactive, batch } of state.lines.values()) {
    count += (interactive.get(tenant)?.size ?? 0) + (batch.get(tenant)?.size ?? 0);
  }
  return count;
}
