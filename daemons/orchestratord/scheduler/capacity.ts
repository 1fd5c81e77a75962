/**
 * The bound of the queue. It is checked before a job is submitted; a refusal is then sent to the scheduler
 * as an input like any other.
 *
 * @module
 */
import { LlorchError } from "#shared/errors.ts";
import { retryAfter } from "./rates.ts";
import type { State } from "./state.ts";

/** Refused tenants that are remembered, at most. */
const REMEMBERED = 10_000;

/** A refused tenant's place is kept for this many times its Retry-After. */
const KEPT_FOR = 3;

/**
 * Why the queue has no place for one more job of a tenant; undefined where it has one. A refused tenant
 * is remembered ({@linkcode turnAway}). Until it comes back, tenants with more than their share of the
 * queue get no further place; otherwise they would take each free place before the refused tenant can
 * try again.
 *
 * @returns `QUEUE_FULL` with the time after which a place should be free.
 */
export function refusalOf(
  state: Readonly<State>,
  tenant: string,
  now: number,
): LlorchError | undefined {
  const retryAfterMs = retryAfter(state);
  if (isFull(state)) {
    const taken = `${state.queued.size} of ${state.policy.queueCapacity} places are taken`;
    return new LlorchError("QUEUE_FULL", `Cannot queue another job: ${taken}`, { retryAfterMs });
  }
  const others = refusedNow(state, now);
  others.delete(tenant);
  const own = waiting(state, tenant);
  if (others.size === 0 || own < shareOf(state, others)) return undefined;
  return new LlorchError(
    "QUEUE_FULL",
    `Cannot queue another job: the free places are for clients with fewer waiting jobs than your ${own}`,
    { retryAfterMs },
  );
}

/** Notes a refused tenant: while the queue is full, the next free place is kept for it for a while. */
export function turnAway(state: State, tenant: string, now: number): void {
  if (!isFull(state)) return;
  if (state.refused.size >= REMEMBERED) forgetRefused(state, now);
  if (state.refused.size >= REMEMBERED && !state.refused.has(tenant)) return;
  state.refused.set(tenant, now + KEPT_FOR * retryAfter(state));
}

/** Forgets the tenants that did not come back in time. */
export function forgetRefused(state: State, now: number): void {
  for (const [tenant, until] of state.refused) if (until < now) state.refused.delete(tenant);
}

function isFull({ queued, policy }: Readonly<State>): boolean {
  return queued.size >= policy.queueCapacity;
}

/** Tenants for whom a place is kept. */
function refusedNow({ refused }: Readonly<State>, now: number): Set<string> {
  const found = new Set<string>();
  for (const [tenant, until] of refused) if (until >= now) found.add(tenant);
  return found;
}

/** The queue's places, divided among the tenants that have jobs or were refused. */
function shareOf(state: Readonly<State>, others: ReadonlySet<string>): number {
  let tenants = others.size;
  for (const [name, { jobs }] of state.shares) if (jobs > 0 && !others.has(name)) tenants++;
  return state.policy.queueCapacity / Math.max(1, tenants);
}

/** Number of a tenant's waiting jobs. */
function waiting(state: Readonly<State>, tenant: string): number {
  let count = 0;
  for (const { interactive, batch } of state.lines.values()) {
    count += (interactive.get(tenant)?.size ?? 0) + (batch.get(tenant)?.size ?? 0);
  }
  return count;
}
