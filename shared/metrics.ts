import client from "prom-client";
import { observeLateness } from "./beat.ts";
import type { Route } from "./contracts/route.ts";

/** Prefixes of metric names, one per daemon; the lint in `tools/` checks them. */
export type MetricPrefix = "orchd" | "pool_mgr" | "worker";

/** Buckets in seconds, for health probes as well as for long generations. */
const LATENCY_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

interface MetricSpec<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

/** A metric, for the documentation and the lint. */
export interface MetricDefinition {
  /** Name with the daemon's prefix. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

/** The figures of a server that the gauges show. */
export interface CountedServer {
  readonly connections: number;
  readonly maxConnections: number | undefined;
}

/** The metrics of one daemon; labels are bounded sets, never ids of jobs or spawns. */
export interface Metrics {
  /** @param spec `zeros` are label sets that begin at 0, since a rate needs a first value. */
  counter<L extends string = never>(
    spec: MetricSpec<L> & { readonly zeros?: readonly Record<L, string>[] },
  ): client.Counter<L>;
  gauge<L extends string = never>(
    spec: MetricSpec<L> & { collect?: (gauge: client.Gauge<L>) => void | Promise<void> },
  ): client.Gauge<L>;
  histogram<L extends string = never>(
    spec: MetricSpec<L> & { buckets?: readonly number[] },
  ): client.Histogram<L>;
  /** Every metric defined so far, in order, without those of the process. */
  readonly definitions: readonly MetricDefinition[];
  /** Counts HTTP replies; the `onReply` option of `createApp`. */
  readonly onReply: (route: Route, status: number, seconds: number) => void;
  /** Sets the server whose connections the gauges show. */
  observeServer(server: CountedServer): void;
  /** The text that Prometheus reads. */
  render(): Promise<Response>;
}

/** Creates a daemon's own registry, with the metrics of its process. */
export function createMetrics(prefix: MetricPrefix): Metrics {
  const registry = new client.Registry();
  collectProcessMetrics(registry);
  const registers = [registry];
  const definitions: MetricDefinition[] = [];
  const define = (
    type: MetricDefinition["type"],
    { name, help, labels = [] }: MetricSpec<string>,
  ): string => {
    const fullName = `${prefix}_${name}`;
    definitions.push({ name: fullName, type, help, labels });
    return fullName;
  };

  const metrics: Omit<Metrics, "onReply" | "observeServer"> = {
    definitions,
    counter: ({ zeros = [], ...spec }) => {
      const counter = new client.Counter({
        name: define("counter", spec),
        help: spec.help,
        labelNames: spec.labels ?? [],
        registers,
      });
      for (const labels of zeros) counter.inc(labels, 0);
      return counter;
    },
    gauge: ({ collect, ...spec }) =>
      new client.Gauge({
        name: define("gauge", spec),
        help: spec.help,
        labelNames: spec.labels ?? [],
        registers,
        ...(collect
          ? {
            collect() {
              return collect(this);
            },
          }
          : {}),
      }),
    histogram: ({ buckets = LATENCY_BUCKETS, ...spec }) =>
      new client.Histogram({
        name: define("histogram", spec),
        help: spec.help,
        labelNames: spec.labels ?? [],
        buckets: [...buckets],
        registers,
      }),
    async render() {
      return new Response(await registry.metrics(), {
        headers: { "content-type": registry.contentType },
      });
    },
  };
  const replies = metrics.histogram({
    name: "http_reply_seconds",
    help: "Time to the reply's first byte, by route and status",
    labels: ["method", "route", "status"],
  });
  const late = metrics.histogram({
    name: "event_loop_late_seconds",
    help: "How late the process gets to what is due, four times a second",
  });
  observeLateness((ms) => late.observe(ms / 1000));
  let counted: CountedServer | undefined;
  metrics.gauge({
    name: "http_connections",
    help: "Open connections of clients",
    collect: (gauge) => gauge.set(counted?.connections ?? 0),
  });
  metrics.gauge({
    name: "http_connections_max",
    help: "Most open connections: as configured, or as the file descriptor limit allows",
    collect: (gauge) => gauge.set(counted?.maxConnections ?? 0),
  });
  return {
    ...metrics,
    observeServer(server) {
      counted = server;
    },
    onReply: (route, status, seconds) =>
      replies.observe({ method: route.method, route: route.path, status: String(status) }, seconds),
  };
}

/** Default metrics that are read from files in `/proc/self`, which Deno does not allow. */
const UNREADABLE = [
  "process_resident_memory_bytes",
  "process_virtual_memory_bytes",
  "process_heap_bytes",
  "process_open_fds",
  "process_max_fds",
];

/** Default metrics for which the event loop gets a timer of its own, which wakes a process that is idle. */
const LAG = ["", "_min", "_max", "_mean", "_stddev", "_p50", "_p90", "_p99"]
  .map((which) => `nodejs_eventloop_lag${which}_seconds`);

/** That timer cannot be left out, but can be late. */
const NEVER_MS = 2 ** 31 - 1;

/** Adds the metrics of the process; those that cannot be read are left out, not shown as 0. */
function collectProcessMetrics(registry: client.Registry): void {
  client.collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: NEVER_MS,
  });
  for (const name of [...UNREADABLE, ...LAG]) registry.removeSingleMetric(name);
  new client.Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    registers: [registry],
    collect() {
      this.set(Deno.memoryUsage().rss);
    },
  });
}
