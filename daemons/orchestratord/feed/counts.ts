import type { OrchestratorMetrics } from "../metrics.ts";
import type { State } from "../scheduler/state.ts";
import type { Counts, Levels } from "./history.ts";

/** The part of a prom-client metric that is read here. */
interface Metric {
  get(): Promise<{
    readonly values: readonly {
      readonly value: number;
      readonly metricName?: string;
      readonly labels: object;
    }[];
  }>;
}

/** Reads the counts from the metrics, so that nothing is counted in two places. */
export async function readCounts(metrics: OrchestratorMetrics): Promise<Counts> {
  const { tokens, ttft, submitted, ended, failovers } = metrics;
  return {
    tokens: await total(tokens),
    answered: await total(ttft, "orchd_ttft_seconds_count"),
    ttftSeconds: await total(ttft, "orchd_ttft_seconds_sum"),
    accepted: await total(submitted, undefined, "accepted"),
    ended: await total(ended),
    failovers: await total(failovers),
  };
}

/** Counts before anything happened. */
export const NO_COUNTS: Counts = {
  tokens: 0,
  answered: 0,
  ttftSeconds: 0,
  accepted: 0,
  ended: 0,
  failovers: 0,
};

/** The current numbers of waiting and running jobs. */
export function levelsOf({ queued, running, policy }: Readonly<State>): Levels {
  return { queued: queued.size, capacity: policy.queueCapacity, running: running.size };
}

async function total(metric: Metric, name?: string, outcome?: string): Promise<number> {
  let sum = 0;
  for (const { value, metricName, labels } of (await metric.get()).values) {
    if (name !== undefined && metricName !== name) continue;
    if (outcome !== undefined && (labels as { outcome?: string }).outcome !== outcome) continue;
    sum += value;
  }
  return sum;
}
