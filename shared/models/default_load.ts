import { DEFAULT_CONTEXT, DEFAULT_SLOTS } from "../defaults.ts";

/** What loads are made with where nobody says otherwise. */
export interface LoadDefaults {
  /** Tokens per slot, at most what the model was made for. */
  readonly context: number;
  readonly slots: number;
}

/** Those of a pool that is not configured otherwise. */
export const LOAD_DEFAULTS: LoadDefaults = { context: DEFAULT_CONTEXT, slots: DEFAULT_SLOTS };

/** The load of a model for which nobody names a context or slots. */
export function defaultLoad(
  { context_length }: { readonly context_length: number },
  { context, slots }: LoadDefaults = LOAD_DEFAULTS,
): LoadDefaults {
  // A file that does not say what it was made for gets the default.
  return { context: Math.min(context_length || context, context), slots };
}
