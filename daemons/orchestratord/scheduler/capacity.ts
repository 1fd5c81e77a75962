/**
 * The bound of the queue. Who asks for a place looks here first; what follows from a refusal is an input
 * of the scheduler like all others.
 *
 * @module
 */
import { LlorchError } from "#shared/errors.ts";
import { retryAfter } from "./rates.ts";
import type { State } from "./state.ts";

/** Tenants without a place that are remembered. */
const REMEMBERED = 10_000;

/** A tenant that was refused gets so much longer than it was told to wait before its place is lost. */
const LATE = 3;

/**
 * Why one more job of a tenant finds no place in the queue; undefined where it finds one. A tenant that
 * finds none is remembered ({@linkcode turnAway}), and those that hold more than their share of the
 * queue get no further place until it has come back: else those that are in would take each place that
 * becomes free before anybody else can ask for it.
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
    `Cannot queue another job: the free places are for others, who have fewer than your ${own}`,
    { retryAfterMs },
  );
}

/** A tenant was refused: while the queue is full, the next place is kept for it for a while. */
export function turnAway(state: State, tenant: string, now: number): void {
  if (!isFull(state)) return;
  if (state.refused.size >= REMEMBERED) forgetRefused(state, now);
  if (state.refused.size >= REMEMBERED && !state.refused.has(tenant)) return;
  state.refused.set(tenant, now + LATE * retryAfter(state));
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

/** Places of each tenant that is there or was refused. */
function shareOf(state: Readonly<State>, others: ReadonlySet<string>): number {
  let tenants = others.size;
  for (const [name, { jobs }] of state.shares) if (jobs > 0 && !others.has(name)) tenants++;
  return state.policy.queueCapacity / Math.max(1, tenants);
}

/** Jobs of a tenant that wait. */
function waiting(state: Readonly<State>, tenant: string): number {
  let count = 0;
  for (const { interactive, batch } of state.lines.values()) {
    count += (interactive.get(tenant)?.size ?? 0) + (batch.get(tenant)?.size ?? 0);
  }
  return count;
}
