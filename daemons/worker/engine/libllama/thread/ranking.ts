/** Which of the candidates a chain of samplers may choose from, once they are ranked by their logits. */
export interface Ranking {
  /** How many of the chain's first samplers each change single logits, whatever the others are. */
  readonly weighs: number;
  /** Most candidates that the next sampler leaves, the best ones; Infinity: all. */
  readonly most: number;
  /** What logits are divided by at most before one is drawn; Infinity: the samplers need all candidates. */
  readonly heat: number;
}

/** What is known of candidates of which only the best ones were looked at. */
export interface Looked {
  /** Those that are allowed. */
  readonly allowed: number;
  /** Those that were not looked at. */
  readonly left: number;
  /** Difference between the best allowed one's logit and the greatest of those that are left. */
  readonly gap: number;
}

/** Candidates that together have less than this part of the best one's probability make no difference. */
const NEGLIGIBLE = 1e-6;

/** Whether the result is as with all candidates, but for chances below one in a million. */
export function areEnough({ most, heat }: Ranking, { allowed, left, gap }: Looked): boolean {
  if (allowed === 0) return false;
  if (allowed >= most || left === 0) return true;
  return Math.min(left, most - allowed) * Math.exp(-gap / heat) < NEGLIGIBLE;
}
