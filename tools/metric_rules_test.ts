import assert from "node:assert/strict";
import type { MetricDefinition } from "#shared/metrics.ts";
import { metricProblems } from "./metric_rules.ts";

const fine: MetricDefinition = {
  name: "orchd_jobs_total",
  type: "counter",
  help: "Jobs",
  labels: ["outcome"],
};

const problems = (change: Partial<MetricDefinition>) =>
  metricProblems({ ...fine, ...change }, "orchd").map((line) => line.replace(/^\S+: /, ""));

Deno.test("metric names: a good counter, gauge and histogram pass", () => {
  assert.deepEqual(problems({}), []);
  assert.deepEqual(problems({ name: "orchd_queue_depth", type: "gauge" }), []);
  assert.deepEqual(problems({ name: "orchd_ttft_seconds", type: "histogram" }), []);
});

Deno.test("metric names: another daemon's prefix is refused", () => {
  assert.deepEqual(problems({ name: "worker_jobs_total" }), ["must begin with orchd_"]);
});

Deno.test("metric names: capitals are refused", () => {
  assert.deepEqual(problems({ name: "orchd_jobsEnded_total" }), ["must be snake_case"]);
});

Deno.test("metric names: scaled units are refused", () => {
  const message = "must use a base unit: seconds, bytes or a ratio";
  for (const name of ["orchd_wait_ms", "orchd_memory_mib", "orchd_wait_ms_total"]) {
    const type = name.endsWith("_total") ? "counter" : "gauge";
    assert.deepEqual(problems({ name, type }), [message]);
  }
});

Deno.test("metric names: _total belongs to counters and to them alone", () => {
  assert.deepEqual(problems({ name: "orchd_jobs" }), ["a counter ends in _total"]);
  assert.deepEqual(problems({ type: "gauge" }), ["only a counter ends in _total"]);
});

Deno.test("metric names: a histogram says its unit", () => {
  assert.deepEqual(problems({ name: "orchd_wait", type: "histogram" }), [
    "a histogram ends in its unit: _seconds, _bytes or _tokens",
  ]);
});

Deno.test("metric names: labels without a bound are refused", () => {
  for (const label of ["job_id", "worker_id", "request_id", "token", "model", "path"]) {
    assert.deepEqual(problems({ labels: [label] }), [
      `label ${label} is not known to be bounded (tools/metric_rules.ts)`,
    ]);
  }
});

Deno.test("metric names: a help text is needed", () => {
  assert.deepEqual(problems({ help: " " }), ["needs a help text"]);
});
