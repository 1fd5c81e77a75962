/**
 * What was measured, and what follows from it: when a job will start, and when a full queue will
 * have room.
 *
 * @module
 */
import { DEFAULT_SLOTS } from "#shared/defaults.ts";
import type { Rates, State } from "./state.ts";
import { holdersOf, isUsable } from "./workers.ts";

/** Weight of the newest value in a moving average. */
const NEWEST_WEIGHT = 0.2;

/** Models whose figures are remembered. */
const REMEMBERED_MODELS = 1000;

/** Retry-After while nothing was measured, and its lower bound, in ms. */
const LEAST_RETRY_MS = 1000;

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
  // The latest measured stay.
  state.rates.delete(fingerprint);
  state.rates.set(fingerprint, rates);
  const [oldest] = state.rates.keys();
  if (state.rates.size > REMEMBERED_MODELS && oldest !== undefined) state.rates.delete(oldest);
}

/**
 * When a job that is queued now should start, in ms from now.
 *
 * With every slot taken, slots become free at the pace of slots by service time; the job takes the
 * one after those ahead of it. A model that nobody holds is loaded first. What was not measured
 * counts as 0.
 *
 * @param ahead Jobs of the model that are served before it.
 */
export function predictStart(
  state: Readonly<State>,
  fingerprint: string,
  ahead: number,
  now: number,
): number {
  const { serviceMs = 0, loadMs = 0 } = state.rates.get(fingerprint) ?? {};
  const { slots, free } = slotsOf(state, fingerprint);
  if (slots === 0) {
    return Math.round(
      loadRemaining(state, fingerprint, loadMs, now) +
        Math.floor(ahead / DEFAULT_SLOTS) * serviceMs,
    );
  }
  return ahead < free ? 0 : Math.round((ahead - free + 1) * serviceMs / slots);
}

/** After which time a full queue should have room, in ms. */
export function retryAfter(state: Readonly<State>): number {
  let perMs = 0;
  for (const fingerprint of state.lines.keys()) {
    const serviceMs = state.rates.get(fingerprint)?.serviceMs;
    const { slots } = slotsOf(state, fingerprint);
    if (serviceMs !== undefined && serviceMs > 0) perMs += slots / serviceMs;
  }
  return perMs === 0 ? LEAST_RETRY_MS : Math.max(LEAST_RETRY_MS, Math.round(1 / perMs));
}

function slotsOf(state: Readonly<State>, fingerprint: string): { slots: number; free: number } {
  let slots = 0;
  let free = 0;
  for (const worker of holdersOf(state, fingerprint)) {
    if (!isUsable(state, worker)) continue;
    slots += worker.report.slots;
    free += Math.max(0, worker.report.slots - worker.jobs.size);
  }
  return { slots, free };
}

function loadRemaining(
  state: Readonly<State>,
  fingerprint: string,
  loadMs: number,
  now: number,
): number {
  for (const spawn of state.spawns.values()) {
    if (spawn.fingerprint === fingerprint) return Math.max(0, loadMs - (now - spawn.startedAt));
  }
  return loadMs;
}
