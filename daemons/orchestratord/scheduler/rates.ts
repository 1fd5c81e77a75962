/**
 * Measurements, and predictions from them: when a job will start, and when a full queue will have room.
 *
 * @module
 */
import { kindAt } from "#shared/contracts/mod.ts";
import { defaultSlots } from "./load_size.ts";
import type { Ahead, Rates, Spawn, State, Worker } from "./state.ts";
import { holdersOf, isUsable, usedSlots } from "./workers.ts";

/** Weight of the newest value in a moving average. */
const NEWEST_WEIGHT = 0.2;

/** Models whose figures are remembered, at most. */
const REMEMBERED_MODELS = 1000;

/** Retry-After before anything was measured, and its lower bound, in ms. */
const LEAST_RETRY_MS = 1000;

/**
 * Assumed for a load that was never measured: a fast disk. Too long a guess would refuse jobs whose
 * deadline can be met.
 */
const GUESSED_LOAD = { startMs: 500, bytesPerMs: 1e6 };

/** Adds a measurement to a model's moving average. */
export function measure(
  state: State,
  fingerprint: string,
  figure: keyof Rates,
  value: number,
): void {
  const rates = state.rates.get(fingerprint) ?? {
    serviceMs: undefined,
    firstTokenMs: undefined,
    loadMs: undefined,
    tokensOut: undefined,
  };
  const before = rates[figure];
  rates[figure] = before === undefined ? value : before + (value - before) * NEWEST_WEIGHT;
  // Newest last: the model measured longest ago is forgotten first.
  state.rates.delete(fingerprint);
  state.rates.set(fingerprint, rates);
  const [oldest] = state.rates.keys();
  if (state.rates.size > REMEMBERED_MODELS && oldest !== undefined) state.rates.delete(oldest);
}

/** Notes how long a load took, from the request for a worker to its readiness. */
export function measureLoad(state: State, spawn: Spawn, tookMs: number): void {
  measure(state, spawn.fingerprint, "loadMs", tookMs);
  measure(state, onItsKind(state, spawn), "loadMs", tookMs);
}

/** Average of a model's last loads on the same kind of device, in ms; undefined if none was measured. */
export function usualLoad(state: Readonly<State>, spawn: Spawn): number | undefined {
  return state.rates.get(onItsKind(state, spawn))?.loadMs;
}

/** Key of the figures of a model on a kind of device. */
function onItsKind(state: Readonly<State>, { poolId, device, fingerprint }: Spawn): string {
  return `${fingerprint} ${kindAt(state.pools.get(poolId)?.devices ?? [], device) ?? "cpu"}`;
}

/**
 * When a job that is queued now should start, in ms from now.
 *
 * While every slot is taken, slots become free at a rate of their number divided by the service time:
 * first those of the running jobs, then those of the jobs ahead, weighted by the tokens that each may
 * generate. A model that no worker holds is loaded first. An unmeasured service time counts as 0; an
 * unmeasured load time is estimated from the model's size.
 *
 * @param ahead The jobs of the model that are served before it.
 */
export function predictStart(
  state: Readonly<State>,
  fingerprint: string,
  ahead: Ahead,
  now: number,
): number {
  const rates = state.rates.get(fingerprint);
  const { slots, free } = slotsOf(state, fingerprint);
  const eachMs = ahead.jobs === 0 ? 0 : serviceOf(rates, ahead) / ahead.jobs;
  if (slots === 0) {
    return Math.round(
      loadRemaining(state, fingerprint, now) +
        Math.floor(ahead.jobs / slotsToCome(state, fingerprint)) * eachMs,
    );
  }
  if (ahead.jobs < free) return 0;
  return Math.round((remainingOf(state, fingerprint) + (ahead.jobs - free) * eachMs) / slots);
}

/** Slots of the worker that will be loaded for a model. */
function slotsToCome(state: Readonly<State>, fingerprint: string): number {
  for (const { models } of state.pools.values()) {
    const model = models.find((each) => each.fingerprint === fingerprint);
    if (model) return defaultSlots(model);
  }
  return defaultSlots(undefined);
}

/**
 * How long jobs together hold a slot, in ms: for each job the time to its first token, and for each token
 * its share of the rest.
 */
function serviceOf(rates: Rates | undefined, { jobs, tokens }: Ahead): number {
  const { serviceMs = 0, firstTokenMs = 0, tokensOut = 0 } = rates ?? {};
  if (tokensOut === 0) return jobs * serviceMs;
  const firstMs = Math.min(firstTokenMs, serviceMs);
  return jobs * firstMs + tokens * (serviceMs - firstMs) / tokensOut;
}

/**
 * How much longer a running job will hold its slot, on average, in ms. A job without a bound on its tokens
 * is assumed to still have the usual number of tokens ahead.
 */
function remainingOf(state: Readonly<State>, fingerprint: string): number {
  const rates = state.rates.get(fingerprint);
  const usual = rates?.tokensOut ?? 0;
  let jobs = 0;
  let tokens = 0;
  for (const worker of usableOf(state, fingerprint)) {
    for (const id of worker.jobs) {
      const job = state.running.get(id);
      if (!job) continue;
      const left = (job.maxTokens ?? Infinity) - (job.lease?.tokensOut ?? 0);
      jobs++;
      tokens += Math.min(usual, Math.max(0, left));
    }
  }
  // A free slot is taken at once, and then held by one of the jobs ahead.
  return jobs === 0 ? rates?.serviceMs ?? 0 : serviceOf(rates, { jobs, tokens }) / jobs;
}

/** When a full queue should have room, in ms from now. */
export function retryAfter(state: Readonly<State>): number {
  let perMs = 0;
  for (const fingerprint of state.lines.keys()) {
    const serviceMs = state.rates.get(fingerprint)?.serviceMs;
    const { slots } = slotsOf(state, fingerprint);
    if (serviceMs !== undefined && serviceMs > 0) perMs += slots / serviceMs;
  }
  return perMs === 0 ? LEAST_RETRY_MS : Math.max(LEAST_RETRY_MS, Math.round(1 / perMs));
}

function* usableOf(state: Readonly<State>, fingerprint: string): Generator<Worker> {
  for (const worker of holdersOf(state, fingerprint)) if (isUsable(state, worker)) yield worker;
}

function slotsOf(state: Readonly<State>, fingerprint: string): { slots: number; free: number } {
  let slots = 0;
  let free = 0;
  for (const worker of usableOf(state, fingerprint)) {
    slots += worker.report.slots;
    free += Math.max(0, worker.report.slots - usedSlots(worker));
  }
  return { slots, free };
}

function loadRemaining(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
): number {
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
