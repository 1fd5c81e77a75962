/**
 * Measurements of models, and how long loads and jobs take by them.
 *
 * @module
 */
import { kindAt } from "#shared/contracts/mod.ts";
import { type Expected, Lengths } from "./lengths.ts";
import { LineFit } from "./line_fit.ts";
import type { Job } from "./job.ts";
import type { Rates, Served, Spawn, State } from "./state.ts";

/** Weight of the newest value in a moving average. */
const NEWEST_WEIGHT = 0.2;

/** Weight of the newest job in how far jobs are off: others may use the host again as they did a while ago. */
const OFF_WEIGHT = 0.05;

/** Models whose figures are remembered, at most. */
const REMEMBERED_MODELS = 1000;

/**
 * Assumed for a load that was never measured: a fast disk. Too long a guess would refuse jobs whose
 * deadline can be met.
 */
const GUESSED_LOAD = { startMs: 500, bytesPerMs: 1e6 };

/** Times of single tokens and prompts are off by about this share. */
const TIME_SPREAD = 0.1;

/** What takes longer than expected is expected to take this share of what it has taken. */
const OVERDUE = 0.25;

/** What decides how long a job takes. */
export type Sized = Pick<Job, "fingerprint" | "tokensIn" | "maxTokens" | "speaks" | "delivered">;

/** The figures of a model, which is from now on the one that was measured last. */
function ratesOf(state: State, key: string): Rates {
  const rates: Rates = state.rates.get(key) ?? {
    loadMs: undefined,
    tokenMs: undefined,
    offSquare: 0,
    firstToken: new LineFit(),
    reading: new LineFit(),
    call: new LineFit(),
    lengths: new Lengths(),
  };
  // Newest last: the model measured longest ago is forgotten first.
  state.rates.delete(key);
  state.rates.set(key, rates);
  const [oldest] = state.rates.keys();
  if (state.rates.size > REMEMBERED_MODELS && oldest !== undefined) state.rates.delete(oldest);
  return rates;
}

function average(before: number | undefined, value: number, weight = NEWEST_WEIGHT): number {
  return before === undefined ? value : before + (value - before) * weight;
}

/** Notes how long an attempt took to its first token. */
export function measureFirstToken(
  state: State,
  fingerprint: string,
  tokensIn: number,
  ms: number,
): void {
  ratesOf(state, fingerprint).firstToken.note(tokensIn, ms);
}

/** Notes how long a worker took from the beginning of an attempt to its first token. */
export function measureReading(
  state: State,
  fingerprint: string,
  tokensRead: number,
  ms: number,
): void {
  ratesOf(state, fingerprint).reading.note(tokensRead, ms);
}

/** Notes an attempt that has ended with an answer; its first token was noted when it came. */
export function measureServed(state: State, fingerprint: string, served: Served): void {
  const rates = ratesOf(state, fingerprint);
  const { serviceMs, firstTokenMs, tokensOut } = served;
  if (!served.speaks) return rates.call.note(served.tokensIn, serviceMs);
  rates.lengths.note(served.answerTokens, served.isCut);
  if (firstTokenMs === undefined) {
    if (tokensOut > 0) notePace(rates, serviceMs / tokensOut);
  } else if (tokensOut > 1) notePace(rates, (serviceMs - firstTokenMs) / (tokensOut - 1));
}

function notePace(rates: Rates, tokenMs: number): void {
  const before = rates.tokenMs;
  if (before !== undefined && before > 0) {
    rates.offSquare = average(rates.offSquare, (tokenMs / before - 1) ** 2, OFF_WEIGHT);
  }
  rates.tokenMs = average(before, tokenMs);
}

/**
 * A time that depends on the pace of a model's jobs, with what is known of that: where other programs use a host
 * as well, all its jobs are slower together, so that it is no help that they are many.
 */
export function withPace(
  state: Readonly<State>,
  fingerprint: string,
  { mean, variance }: Expected,
): Expected {
  const { offSquare = 0 } = state.rates.get(fingerprint) ?? {};
  return { mean, variance: variance + offSquare * mean * mean };
}

/** Notes how long a load took, from the request for a worker to its readiness. */
export function measureLoad(state: State, spawn: Spawn, tookMs: number): void {
  for (const key of [spawn.fingerprint, onItsKind(state, spawn)]) {
    const rates = ratesOf(state, key);
    rates.loadMs = average(rates.loadMs, tookMs);
  }
}

/** Average of a model's last loads on the same kind of device, in ms; undefined if none was measured. */
export function usualLoad(state: Readonly<State>, spawn: Spawn): number | undefined {
  return state.rates.get(onItsKind(state, spawn))?.loadMs;
}

/** Key of the figures of a model on a kind of device. */
function onItsKind(state: Readonly<State>, { poolId, device, fingerprint }: Spawn): string {
  return `${fingerprint} ${kindAt(state.pools.get(poolId)?.devices ?? [], device) ?? "cpu"}`;
}

/** How much longer the load of a model that no worker holds will take, in ms. */
export function loadLeft(state: Readonly<State>, fingerprint: string, now: number): number {
  const loadMs = state.rates.get(fingerprint)?.loadMs ?? guessedLoad(state, fingerprint);
  for (const spawn of state.spawns.values()) {
    if (spawn.fingerprint !== fingerprint) continue;
    return Math.max(0, (usualLoad(state, spawn) ?? loadMs) - (now - spawn.startedAt));
  }
  return loadMs;
}

function guessedLoad(state: Readonly<State>, fingerprint: string): number {
  for (const { models } of state.pools.values()) {
    const model = models.find((each) => each.fingerprint === fingerprint);
    if (model) return GUESSED_LOAD.startMs + model.weight_bytes / GUESSED_LOAD.bytesPerMs;
  }
  return 0;
}

/** Time from a job's dispatch to its first token, in ms; 0 before one was measured. */
export function firstTokenAfter(
  state: Readonly<State>,
  { fingerprint, tokensIn }: Pick<Job, "fingerprint" | "tokensIn">,
): number {
  return state.rates.get(fingerprint)?.firstToken.at(tokensIn) ?? 0;
}

/** How much longer a worker that has nothing of a job's prompt takes to read it, in ms; 0 before it was measured. */
export function readingOf(
  state: Readonly<State>,
  { fingerprint, tokensIn }: Pick<Job, "fingerprint" | "tokensIn">,
): number {
  const rates = state.rates.get(fingerprint);
  // The first token itself comes after one that is read, too.
  return Math.max(0, (rates?.reading.at(tokensIn) ?? 0) - (rates?.tokenMs ?? 0));
}

/** How long a job that starts now will hold a slot, in ms; undefined before a job of its model was measured. */
export function durationOf(state: Readonly<State>, job: Sized): Expected | undefined {
  const rates = state.rates.get(job.fingerprint);
  if (!job.speaks) return spread(rates?.call.at(job.tokensIn));
  const tokenMs = rates?.tokenMs ?? paceOfRunning(state, job.fingerprint);
  if (tokenMs === undefined) return undefined;
  const { mean, variance } = tokensLeft(state, job, 0);
  const firstMs = rates?.firstToken.at(job.tokensIn) ?? tokenMs;
  return together(firstMs, tokenMs, { mean: mean - 1, variance });
}

/** How much longer a running job will hold its slot, in ms; undefined where nothing was measured. */
export function leftOf(state: Readonly<State>, job: Job, now: number): Expected | undefined {
  const { lease } = job;
  if (!lease) return undefined;
  if (lease.firstTokenAt === undefined) {
    const whole = durationOf(state, job);
    const elapsed = now - lease.since;
    return whole && { ...whole, mean: Math.max(whole.mean - elapsed, OVERDUE * elapsed) };
  }
  const pace = paceOf(job) ?? state.rates.get(job.fingerprint)?.tokenMs ??
    paceOfRunning(state, job.fingerprint);
  if (pace === undefined) return undefined;
  // Tokens are reported now and then.
  const since = pace > 0 ? Math.floor((now - lease.progressAt) / pace) : 0;
  return together(0, pace, tokensLeft(state, job, lease.tokensOut + since));
}

/** Tokens that an attempt with some tokens will still generate. */
function tokensLeft(state: Readonly<State>, job: Sized, has: number): Expected {
  const lengths = state.rates.get(job.fingerprint)?.lengths ?? NO_LENGTHS;
  return lengths.left(job.delivered + has, job.maxTokens);
}

const NO_LENGTHS = new Lengths();

/** Time of a running job's token by its own attempt, in ms; undefined until it has two. */
function paceOf({ lease }: Job): number | undefined {
  if (lease?.firstTokenAt === undefined || lease.tokensOut < 2) return undefined;
  if (lease.progressAt <= lease.firstTokenAt) return undefined;
  return (lease.progressAt - lease.firstTokenAt) / (lease.tokensOut - 1);
}

/** The same of some running job of a model of which no job has ended. */
function paceOfRunning(state: Readonly<State>, fingerprint: string): number | undefined {
  for (const job of state.running.values()) {
    const pace = job.fingerprint === fingerprint ? paceOf(job) : undefined;
    if (pace !== undefined) return pace;
  }
  return undefined;
}

function together(firstMs: number, tokenMs: number, { mean, variance }: Expected): Expected {
  const tokensMs = Math.max(0, mean) * tokenMs;
  return {
    mean: firstMs + tokensMs,
    variance: variance * tokenMs * tokenMs + (TIME_SPREAD * (firstMs + tokensMs)) ** 2,
  };
}

function spread(ms: number | undefined): Expected | undefined {
  return ms === undefined ? undefined : { mean: ms, variance: (TIME_SPREAD * ms) ** 2 };
}
