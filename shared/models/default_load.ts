import { DEFAULT_CONTEXT, DEFAULT_SLOTS } from "../defaults.ts";

/** Settings of loads that do not name their own. */
export interface LoadDefaults {
  /** Tokens per slot, at most what the model was trained for. */
  readonly context: number;
  readonly slots: number;
}

/** The defaults of a pool that configures none. */
export const LOAD_DEFAULTS: LoadDefaults = { context: DEFAULT_CONTEXT, slots: DEFAULT_SLOTS };

/** Settings of a load that names neither context nor slots. */
export function defaultLoad(
  { context_length }: { readonly context_length: number },
  { context, slots }: LoadDefaults = LOAD_DEFAULTS,
): LoadDefaults {
  // context_length is 0 if the file does not have it.
  return { context: Math.min(context_length || context, context), slots };
}
