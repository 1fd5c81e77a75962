import type { SamplingRequest } from "../engine.ts";
import type { SamplingPlan } from "./sampling_plan.ts";
import { SHORTLIST } from "./thread/shortlists.ts";

/** What else decides about an answer's tokens. */
interface Held {
  /** Biases of tokens. */
  readonly biases: readonly unknown[];
  /** Whether a grammar holds it, or may hold it later. */
  readonly isHeld: boolean;
  readonly request: Pick<SamplingRequest, "logprobs">;
}

/**
 * Whether the most probable tokens, as many as a shortlist has, are all from which a request's samplers may
 * choose: greedily, or after `top_k` as the first of them. Then the result is the same as with all.
 */
export function isFromShortlist(
  { before, xtc, after, mirostat, draws }: SamplingPlan,
  { biases, isHeld, request }: Held,
): boolean {
  if (biases.length > 0 || isHeld || request.logprobs !== undefined || mirostat) return false;
  const [first] = before;
  if (first) return first.kind === "top_k" && first.k <= SHORTLIST;
  return !draws && xtc === undefined && after.length === 0;
}
