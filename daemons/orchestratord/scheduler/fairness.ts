/**
 * Fair share by tenant, with virtual token counters: of the tenants that wait, the one whose jobs
 * have cost least is served next. A tenant that comes (back) starts from the lowest counter of those
 * that are there, so that nobody saves up a claim by staying away.
 *
 * A job is charged when it is dispatched, for what it is expected to cost, and the charge is brought
 * in line with what it really took as that becomes known. Without the first, all free slots would go
 * to whoever is lowest at that moment.
 *
 * @module
 */
import type { Job } from "./job.ts";
import type { Share, State } from "./state.ts";

/** A generated token costs this many tokens of a prompt: those are read many at a time. */
const OUTPUT_WEIGHT = 2;

/** Tokens that a job is expected to generate while nothing was measured. */
const USUAL_TOKENS_OUT = 64;

/** Tenants that are remembered though they have nothing going on. */
const REMEMBERED_TENANTS = 10_000;

/** What a job costs its tenant. */
export function costOf(tokensIn: number, tokensOut: number): number {
  return tokensIn + OUTPUT_WEIGHT * tokensOut;
}

/** A tenant has one more job. */
export function join(state: State, tenant: string): void {
  const share = state.shares.get(tenant) ?? { cost: 0, jobs: 0 };
  if (share.jobs === 0) share.cost = Math.max(share.cost, lowest(state) ?? state.floor);
  share.jobs++;
  state.shares.set(tenant, share);
}

/** A job of a tenant has ended. */
export function leave(state: State, tenant: string): void {
  const share = shareOf(state, tenant);
  share.jobs--;
  if (share.jobs === 0 && lowest(state) === undefined) {
    state.floor = Math.max(state.floor, share.cost);
  }
}

/** A job takes a slot: its tenant is charged for what it will probably cost. */
export function charge(state: State, job: Job): number {
  const usual = state.rates.get(job.fingerprint)?.tokensOut ?? USUAL_TOKENS_OUT;
  const expected = costOf(job.tokensIn, Math.min(usual, job.maxTokens ?? Infinity));
  shareOf(state, job.tenant).cost += expected;
  return expected;
}

/** Brings what was charged for a running attempt up to what it has taken so far. */
export function catchUp(state: State, job: Job): void {
  if (!job.lease) return;
  const more = costOf(job.tokensIn, job.lease.tokensOut) - job.lease.charged;
  if (more > 0) recharge(state, job, more);
}

/** Brings what was charged for an attempt that ends in line with what it took, up or down. */
export function settle(state: State, job: Job): void {
  if (!job.lease) return;
  recharge(state, job, costOf(job.tokensIn, job.lease.tokensOut) - job.lease.charged);
}

function recharge(state: State, job: Job, more: number): void {
  shareOf(state, job.tenant).cost += more;
  if (job.lease) job.lease.charged += more;
}

/** Forgets tenants whose counter would be raised anyway if they came back. */
export function forgetIdleTenants(state: State): void {
  const floor = lowest(state) ?? state.floor;
  const idle = [...state.shares].filter(([, share]) => share.jobs === 0);
  const surplus = idle.length - REMEMBERED_TENANTS;
  for (const [index, [tenant, share]] of idle.entries()) {
    if (share.cost <= floor || index < surplus) state.shares.delete(tenant);
  }
}

/** The counter of a tenant that has a job. */
export function costSoFar(state: Readonly<State>, tenant: string): number {
  return state.shares.get(tenant)?.cost ?? state.floor;
}

function shareOf(state: State, tenant: string): Share {
  const share = state.shares.get(tenant);
  if (!share) throw new Error(`The tenant "${tenant}" has no job`);
  return share;
}

function lowest(state: State): number | undefined {
  let found: number | undefined;
  for (const { cost, jobs } of state.shares.values()) {
    if (jobs > 0 && (found === undefined || cost < found)) found = cost;
  }
  return found;
}
