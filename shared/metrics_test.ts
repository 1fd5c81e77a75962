import assert from "node:assert/strict";
import { defineRoute } from "./contracts/route.ts";
import { createMetrics } from "./metrics.ts";

const route = defineRoute({
  method: "GET",
  path: "/things/{id}",
  summary: "A thing",
  tag: "test",
  role: "none",
  status: 200,
  kind: "json",
  errors: [],
});

Deno.test("createMetrics() records the description of each metric", () => {
  const metrics = createMetrics("worker");
  metrics.counter({ name: "tokens_total", help: "Tokens", labels: ["outcome"] });
  metrics.gauge({ name: "slots", help: "Slots" });
  assert.deepEqual(metrics.definitions.slice(-2), [
    { name: "worker_tokens_total", type: "counter", help: "Tokens", labels: ["outcome"] },
    { name: "worker_slots", type: "gauge", help: "Slots", labels: [] },
  ]);
});

Deno.test("replies are counted by route pattern and status, never by path", async () => {
  const metrics = createMetrics("worker");
  metrics.onReply(route, 200, 0.02);
  const text = await (await metrics.render()).text();
  const labels = 'method="GET",route="/things/{id}",status="200"';
  assert.ok(text.includes(`worker_http_reply_seconds_count{${labels}} 1`));
  assert.ok(text.includes(`worker_http_reply_seconds_bucket{le="0.01",${labels}} 0`));
  assert.ok(text.includes(`worker_http_reply_seconds_bucket{le="0.025",${labels}} 1`));
});

Deno.test("a gauge is read when Prometheus scrapes it", async () => {
  const metrics = createMetrics("worker");
  let waiting = 1;
  metrics.gauge({ name: "waiting", help: "Waiting", collect: (gauge) => gauge.set(waiting) });
  waiting = 5;
  assert.match(await (await metrics.render()).text(), /^worker_waiting 5$/m);
});

Deno.test("two daemons in one process keep their metrics apart", async () => {
  const [a, b] = [createMetrics("worker"), createMetrics("worker")];
  a.counter({ name: "only_a_total", help: "A" });
  assert.doesNotMatch(await (await b.render()).text(), /only_a/);
});

Deno.test("the number of connections is read from the server", async () => {
  const metrics = createMetrics("worker");
  metrics.observeServer({ connections: 3, maxConnections: 87 });
  const text = await (await metrics.render()).text();
  assert.match(text, /^worker_http_connections 3$/m);
  assert.match(text, /^worker_http_connections_max 87$/m);
});
