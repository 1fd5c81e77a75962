import type { Part, SamplingPlan } from "./sampling_plan.ts";

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
/** They look at one logit after the other. */
const WEIGHS: readonly Part["kind"][] = ["penalties", "dry"];
/** What few and improbable candidates more do not change. */
const KEEPS_BEST: readonly Part["kind"][] = ["top_k", "top_p", "min_p"];

/**
 * How few candidates a plan's samplers need; undefined if they need all.
 *
 * @param biases Whether the chain begins with a sampler of biases.
 */
export function rankingOf(plan: SamplingPlan, biases: boolean): Ranking | undefined {
  const { before, xtc, after, mirostat, draws } = plan;
  if (xtc || mirostat || after.length > 0) return undefined;
  const at = before.findIndex(({ kind }) => !WEIGHS.includes(kind));
  const parts = at < 0 ? [] : before.slice(at);
  const weighs = before.length - parts.length + (biases ? 1 : 0);
  const [first] = parts;
  const most = first?.kind === "top_k" ? first.k : !draws && !first ? 1 : Infinity;
  const heat = parts.every(keepsBest) ? heatOf(parts) : Infinity;
  return most === Infinity && heat === Infinity ? undefined : { weighs, most, heat };
}

/** Whether the result is as with all candidates, but for chances below one in a million. */
export function areEnough({ most, heat }: Ranking, { allowed, left, gap }: Looked): boolean {
  if (allowed === 0) return false;
  if (allowed >= most || left === 0) return true;
  return Math.min(left, most - allowed) * Math.exp(-gap / heat) < NEGLIGIBLE;
}

function keepsBest(part: Part): boolean {
  return part.kind === "temperature" ? part.range === 0 : KEEPS_BEST.includes(part.kind);
}

function heatOf(parts: readonly Part[]): number {
  const heats = parts.map((part) => part.kind === "temperature" ? part.temperature : 1);
  return Math.max(1, ...heats);
}
