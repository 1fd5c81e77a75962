/**
 * Fair share by tenant, with virtual token counters: of the tenants that wait, the one whose jobs
 * have cost least is served next. A tenant that is new or comes back starts from the lowest counter of
 * the tenants with jobs, so that no tenant gains credit by staying away.
 *
 * A job is charged its expected cost when it is dispatched, and the charge is corrected as its real cost
 * becomes known. Without the charge at dispatch, all free slots would go to the tenant that is lowest
 * at that moment. What running jobs were charged but have not had yet does not count for a tenant that comes:
 * otherwise each short job would come in behind all long ones that run.
 *
 * @module
 */
import type { Job } from "./job.ts";
import type { Sized } from "./rates.ts";
import type { Share, State } from "./state.ts";

/** A generated token costs as much as this many prompt tokens, which are read many at a time. */
const OUTPUT_WEIGHT = 2;

/** Tokens that a job is expected to generate before anything was measured. */
const USUAL_TOKENS_OUT = 64;

/** Tenants without a job that are remembered, at most. */
const REMEMBERED_TENANTS = 10_000;

/** What a job costs its tenant, in prompt tokens. */
export function costOf(tokensIn: number, tokensOut: number): number {
  return tokensIn + OUTPUT_WEIGHT * tokensOut;
}

/** Counts one more job of a tenant. */
export function join(state: State, tenant: string): void {
  const share = state.shares.get(tenant) ?? { cost: 0, had: 0, jobs: 0 };
  const cost = costAtEntry(state, tenant);
  if (share.jobs === 0) share.had = cost;
  share.cost = cost;
  share.jobs++;
  state.shares.set(tenant, share);
}

/** Counts one job of a tenant less: it has ended. */
export function leave(state: State, tenant: string): void {
  const share = shareOf(state, tenant);
  share.jobs--;
  if (share.jobs === 0 && lowest(state) === undefined) {
    state.floor = Math.max(state.floor, share.cost);
  }
}

/**
 * Charges a job's tenant its expected cost when the job takes a slot.
 *
 * @returns the charge
 */
export function charge(state: State, job: Job): number {
  const expected = expectedCost(state, job);
  shareOf(state, job.tenant).cost += expected;
  return expected;
}

/** What a job's next attempt will probably cost. */
export function expectedCost(state: Readonly<State>, job: Sized): number {
  const { fingerprint, maxTokens, delivered } = job;
  const tokens = state.rates.get(fingerprint)?.lengths.left(delivered, maxTokens).mean ??
    Math.min(USUAL_TOKENS_OUT, maxTokens ?? Infinity);
  return costOf(job.tokensIn, tokens);
}

/** A tenant's counter as its next job finds it. */
export function costAtEntry(state: Readonly<State>, tenant: string): number {
  const share = state.shares.get(tenant);
  if (share && share.jobs > 0) return share.cost;
  return Math.max(share?.cost ?? 0, lowest(state) ?? state.floor);
}

/** Raises the charge of a running attempt to what it has cost so far. */
export function catchUp(state: State, job: Job): void {
  if (!job.lease) return;
  const soFar = costOf(job.tokensIn, job.lease.tokensOut);
  noteHad(state, job, soFar);
  const more = soFar - job.lease.charged;
  if (more > 0) recharge(state, job, more);
}

/** Corrects the charge of an attempt that ends, up or down, to what it has cost. */
export function settle(state: State, job: Job): void {
  if (!job.lease) return;
  const soFar = costOf(job.tokensIn, job.lease.tokensOut);
  noteHad(state, job, soFar);
  recharge(state, job, soFar - job.lease.charged);
}

function noteHad(state: State, { tenant, lease }: Job, soFar: number): void {
  if (!lease) return;
  shareOf(state, tenant).had += soFar - lease.had;
  lease.had = soFar;
}

function recharge(state: State, job: Job, more: number): void {
  shareOf(state, job.tenant).cost += more;
  if (job.lease) job.lease.charged += more;
}

/** Forgets idle tenants whose counter would be raised anyway if they came back, and those above the bound. */
export function forgetIdleTenants(state: State): void {
  const floor = lowest(state) ?? state.floor;
  const idle = [...state.shares].filter(([, share]) => share.jobs === 0);
  const surplus = idle.length - REMEMBERED_TENANTS;
  for (const [index, [tenant, share]] of idle.entries()) {
    if (share.cost <= floor || index < surplus) state.shares.delete(tenant);
  }
}

/** What a tenant's jobs have had, without what its running jobs were charged beyond that. */
export function hadSoFar(state: Readonly<State>, tenant: string): number {
  return state.shares.get(tenant)?.had ?? lowest(state) ?? state.floor;
}

/** A tenant's counter. */
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
  for (const { had, jobs } of state.shares.values()) {
    if (jobs > 0 && (found === undefined || had < found)) found = had;
  }
  return found;
}
