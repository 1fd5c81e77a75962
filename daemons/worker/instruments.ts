import type { ServerLoad } from "#shared/contracts/pool.ts";
import { createMetrics, type Metrics } from "#shared/metrics.ts";
import type { AnswerObserver } from "./answers/answer.ts";

/** Figures that are read at each request of the metrics. */
export interface Figures {
  readonly slots: () => number;
  readonly active: () => number;
  readonly waiting: () => number;
  /** undefined: no server behind it says it. */
  readonly serverLoad: () => ServerLoad | undefined;
  readonly memoryBytes: () => number;
  /** Memory of states beside the slots. */
  readonly cacheBytes: () => number;
}

/** The worker's metrics. */
export interface Instruments extends AnswerObserver {
  readonly metrics: Metrics;
  /** Counts a request that got an error reply instead of a stream. */
  refused(): void;
}

/** Creates the `worker_*` metrics. */
export function createInstruments(figures: Figures): Instruments {
  const metrics = createMetrics("worker");
  const requests = metrics.counter({
    name: "requests_total",
    help: "Generation requests by outcome",
    labels: ["outcome"],
  });
  const tokensIn = metrics.counter({ name: "tokens_in_total", help: "Prompt tokens" });
  const tokensCached = metrics.counter({
    name: "tokens_cached_total",
    help: "Prompt tokens found in a slot's cache",
  });
  const tokensOut = metrics.counter({ name: "tokens_out_total", help: "Tokens generated" });
  const queueWait = metrics.histogram({
    name: "queue_wait_seconds",
    help: "Time from a request's acceptance to its slot",
  });
  const firstToken = metrics.histogram({
    name: "ttft_seconds",
    help: "Time from a request's slot to its first token",
  });
  const interToken = metrics.histogram({
    name: "inter_token_seconds",
    help: "Time between two tokens of a request",
  });
  const decode = metrics.histogram({
    name: "decode_seconds",
    help: "Time from a request's first token to its last",
  });
  const gauges: readonly [string, string, () => number][] = [
    ["slots", "Requests that can run side by side", figures.slots],
    ["active_slots", "Slots in use", figures.active],
    ["waiting_requests", "Requests that wait for a slot", figures.waiting],
    [
      "server_running_requests",
      "Requests that the server behind it runs, other clients' included; 0 if it says nothing",
      () => figures.serverLoad()?.running ?? 0,
    ],
    [
      "server_waiting_requests",
      "Requests in the queue of the server behind it, other clients' included; 0 if it says nothing",
      () => figures.serverLoad()?.waiting ?? 0,
    ],
    [
      "cache_bytes",
      "Main memory of what slots held before other prompts took them",
      figures.cacheBytes,
    ],
    ["memory_bytes", "Memory that the process holds, on its device too", figures.memoryBytes],
  ];
  for (const [name, help, read] of gauges) {
    metrics.gauge({ name, help, collect: (gauge) => gauge.set(read()) });
  }

  return {
    metrics,
    refused: () => requests.inc({ outcome: "refused" }),
    started: (queueMs) => queueWait.observe(queueMs / 1000),
    token(ms, first) {
      tokensOut.inc();
      (first ? firstToken : interToken).observe(ms / 1000);
    },
    ended(figures, outcome) {
      requests.inc({ outcome });
      tokensIn.inc(figures.tokensIn);
      tokensCached.inc(figures.tokensCached);
      decode.observe(figures.decodeMs / 1000);
    },
  };
}
