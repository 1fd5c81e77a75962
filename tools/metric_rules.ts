import type { MetricDefinition } from "#shared/metrics.ts";

/** Labels with a small, known set of values; never ids of jobs, workers or spawns. */
const LABELS: ReadonlySet<string> = new Set([
  "backend",
  "category",
  "cause",
  "code",
  "device",
  "kind",
  "method",
  "name",
  "outcome",
  "priority",
  "reason",
  "source",
  "route",
  "state",
  "status",
]);

/** Units that must be replaced by Prometheus's base units: seconds, bytes, ratios. */
const SCALED_UNIT =
  /_(ms|us|ns|millis|milliseconds|microseconds|minutes|hours|kb|mb|gb|kib|mib|gib|percent)(_|$)/;

/** Problems of a metric of a daemon whose names begin with `prefix_`. */
export function metricProblems(metric: MetricDefinition, prefix: string): string[] {
  const { name, type, help, labels } = metric;
  const problems: string[] = [];
  if (!name.startsWith(`${prefix}_`)) problems.push(`must begin with ${prefix}_`);
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) problems.push("must be snake_case");
  if (SCALED_UNIT.test(name)) problems.push("must use a base unit: seconds, bytes or a ratio");
  if (type === "counter" && !name.endsWith("_total")) problems.push("a counter ends in _total");
  if (type !== "counter" && name.endsWith("_total")) problems.push("only a counter ends in _total");
  if (type === "histogram" && !/_(seconds|bytes|tokens)$/.test(name)) {
    problems.push("a histogram ends in its unit: _seconds, _bytes or _tokens");
  }
  if (help.trim() === "") problems.push("needs a help text");
  for (const label of labels) {
    if (LABELS.has(label)) continue;
    problems.push(`label ${label} is not known to be bounded (tools/metric_rules.ts)`);
  }
  return problems.map((problem) => `${name}: ${problem}`);
}
