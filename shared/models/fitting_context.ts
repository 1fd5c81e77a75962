import { DEFAULT_CONTEXT } from "../defaults.ts";
import { estimateMemory, type ModelMemory } from "./estimate.ts";

/** Contexts are multiples of this, in tokens, as llama.cpp rounds them up to it. */
const STEP = 256;

/** Part of a device that a load takes for a longer context; the rest is for other programs. */
const SHARE = 0.8;

/** Longest context that is chosen, in tokens: more costs memory that few prompts need. */
export const MOST_FITTING = 32_768;

/** Limits of a context. */
export interface ContextLimits {
  /** Context that the model was trained for, in tokens. */
  readonly longest: number;
  readonly slots: number;
  /** Free memory of the device. */
  readonly deviceBytes: number;
}

/**
 * The longest context in tokens per slot with which a load takes most of a device, but not all; at most
 * {@linkcode MOST_FITTING}. It is not below the usual default where that fits at all; a model too large
 * for its device keeps the usual default, so that its load is refused with the figures.
 *
 * Measurements and layers outside a GPU are not counted: the result must not change with them.
 */
export function fittingContext(
  model: ModelMemory,
  { longest, slots, deviceBytes }: ContextLimits,
): number {
  const { measured: _, ...figures } = model;
  const fits = (bytes: number) => (context: number) =>
    estimateMemory(figures, { context, slots }) <= bytes;
  const [most, all] = [fits(deviceBytes * SHARE), fits(deviceBytes)];
  const usual = Math.min(longest, DEFAULT_CONTEXT);
  if (most(usual)) return longestThat(most, usual, Math.min(longest, MOST_FITTING));
  if (all(usual) || !all(STEP)) return usual;
  return longestThat(all, STEP, usual);
}

/** The longest context from `least`, which fits, to `most`. */
function longestThat(fits: (context: number) => boolean, least: number, most: number): number {
  if (fits(most)) return most;
  let [low, high] = [0, Math.ceil((most - least) / STEP)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(least + middle * STEP)) low = middle;
    else high = middle;
  }
  return least + low * STEP;
}
