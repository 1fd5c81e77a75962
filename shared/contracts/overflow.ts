import type { LlorchError } from "../errors.ts";

/** A prompt that is too long for a model's context. */
export interface Overflow {
  /** Tokens of the prompt; at least, if {@linkcode note} says so. */
  readonly tokens: number;
  /** Tokens that the context holds. */
  readonly context: number;
  /** Ends the message: says whether the prompt's rest was not counted, since it cannot fit. */
  readonly note: string;
}

/**
 * The figures of a `CONTEXT_LENGTH_EXCEEDED`, for dialects whose clients look for them; undefined for
 * other errors, and where an engine did not tell them.
 */
export function overflowOf(
  { code, details }: Pick<LlorchError, "code" | "details">,
): Overflow | undefined {
  if (code !== "CONTEXT_LENGTH_EXCEEDED") return undefined;
  const { prompt_tokens: tokens, context, at_least } = details ?? {};
  if (typeof tokens !== "number" || typeof context !== "number") return undefined;
  const note = at_least === true ? ` (at least ${tokens} tokens: the rest was not counted)` : "";
  return { tokens, context, note };
}
