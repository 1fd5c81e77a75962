import { DEFAULT_CONTEXT, DEFAULT_SLOTS } from "../defaults.ts";
import { fittingContext } from "./fitting_context.ts";
import type { ModelMemory } from "./estimate.ts";

/** Settings of a load. */
export interface LoadSize {
  /** Tokens per slot. */
  readonly context: number;
  readonly slots: number;
}

/** Settings of loads that do not name their own. */
export interface LoadDefaults {
  /**
   * Tokens per slot, at most what the model was trained for; or the memory of the device in bytes,
   * for the longest context that fits.
   */
  readonly context: number | { readonly deviceBytes: number };
  readonly slots: number;
}

/** The defaults of a pool that configures none. */
export const LOAD_DEFAULTS: LoadDefaults = { context: DEFAULT_CONTEXT, slots: DEFAULT_SLOTS };

/**
 * Tokens per slot of a server elsewhere whose context is not stated: it refuses itself what is too long
 * for it, but what we refuse it never sees.
 */
export const UNSTATED_CONTEXT = 131_072;

/** A model's memory figures, and the context that it was trained for; 0 if its file does not say. */
type SizedModel = ModelMemory & {
  readonly context_length: number;
  /** Set if a server elsewhere serves it: its memory is no reason for a short context. */
  readonly elsewhere?: { readonly slots: number } | undefined;
};

/** Settings of a load that names neither context nor slots. */
export function defaultLoad(
  model: SizedModel,
  { context, slots }: LoadDefaults = LOAD_DEFAULTS,
): LoadSize {
  const own = model.context_length || undefined;
  const { elsewhere } = model;
  if (elsewhere) return { context: own ?? UNSTATED_CONTEXT, slots: elsewhere.slots };
  if (typeof context === "number") return { context: Math.min(own ?? context, context), slots };
  const longest = own ?? DEFAULT_CONTEXT;
  return { context: fittingContext(model, { longest, slots, ...context }), slots };
}
