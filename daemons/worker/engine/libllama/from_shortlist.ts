import type { SamplingRequest } from "../engine.ts";
import type { ChainSettings } from "./chain.ts";
import { SHORTLIST } from "./thread/shortlists.ts";

/** What may hold an answer, apart from its samplers. */
interface Held {
  /** Whether a grammar holds it, or may hold it later. */
  readonly isHeld: boolean;
  readonly request: Pick<SamplingRequest, "logprobs">;
}

/**
 * Whether the most probable tokens, as many as a shortlist has, are all from which a request's samplers may
 * choose: greedily, or after `top_k` as the first of them. Then the result is the same as with all.
 */
export function isFromShortlist(
  { biases, penalties, draw }: ChainSettings,
  { isHeld, request }: Held,
): boolean {
  if (biases.length > 0 || penalties || isHeld || request.logprobs !== undefined) return false;
  return draw === undefined || draw.topK > 0 && draw.topK <= SHORTLIST;
}
