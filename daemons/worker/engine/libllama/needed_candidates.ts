import type { Part, SamplingPlan } from "./sampling_plan.ts";
import type { Ranking } from "./thread/ranking.ts";

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

function keepsBest(part: Part): boolean {
  return part.kind === "temperature" ? part.range === 0 : KEEPS_BEST.includes(part.kind);
}

function heatOf(parts: readonly Part[]): number {
  const heats = parts.map((part) => part.kind === "temperature" ? part.temperature : 1);
  return Math.max(1, ...heats);
}
