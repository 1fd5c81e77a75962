import type { WorkerExit } from "#shared/contracts/pool.ts";
import { workerState } from "#shared/contracts/pool.ts";
import type { Device, PoolWorker } from "#shared/contracts/pool.ts";
import { createMetrics, type Metrics } from "#shared/metrics.ts";

/** Sources of the gauges, read at each scrape. */
export interface Gauged {
  readonly workers: () => readonly PoolWorker[];
  readonly devices: () => readonly Device[];
  readonly modelCount: () => number;
  /** Memory of the copies of models, in bytes. */
  readonly stagedBytes: () => number;
  /** Disk space of saved slots, in bytes. */
  readonly savedSlotBytes: () => number;
  readonly isRegistered: () => boolean;
}

/** Metrics of the pool manager. */
export interface Instruments {
  readonly metrics: Metrics;
  started(outcome: "ready" | "refused" | "failed", seconds?: number): void;
  exited(category: WorkerExit["category"]): void;
  estimated(outcome: "engine" | "failed"): void;
  heartbeat(outcome: "ok" | "unknown" | "conflict" | "failed"): void;
  /** Sets the sources of the gauges. */
  observe(gauged: Gauged): void;
}

/** Buckets in seconds: loads take from a tenth of a second to many minutes. */
const START_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Creates the metrics of pool-managerd. */
export function createInstruments(): Instruments {
  const metrics = createMetrics("pool_mgr");
  let gauged: Gauged | undefined;
  const starts = metrics.counter({
    name: "worker_starts_total",
    help: "Worker starts by outcome",
    labels: ["outcome"],
    zeros: ["ready", "refused", "failed"].map((outcome) => ({ outcome })),
  });
  const startSeconds = metrics.histogram({
    name: "worker_start_seconds",
    help: "Time from a worker's spawn until it was ready",
    buckets: START_BUCKETS,
  });
  const exits = metrics.counter({
    name: "worker_exits_total",
    help: "Worker exits by category",
    labels: ["category"],
    zeros: ["crash", "oom", "timeout", "stop"].map((category) => ({ category })),
  });
  const heartbeats = metrics.counter({
    name: "heartbeats_total",
    help: "Registrations and heartbeats by outcome",
    labels: ["outcome"],
    zeros: ["ok", "unknown", "conflict", "failed"].map((outcome) => ({ outcome })),
  });
  const estimates = metrics.counter({
    name: "memory_estimates_total",
    help: "Estimates of loads by llama.cpp, by outcome; after a failed one a formula is used",
    labels: ["outcome"],
    zeros: ["engine", "failed"].map((outcome) => ({ outcome })),
  });
  metrics.gauge({
    name: "workers",
    help: "Living workers by state",
    labels: ["state"],
    collect(gauge) {
      const workers = gauged?.workers() ?? [];
      for (const state of workerState.options) {
        gauge.set({ state }, workers.filter((worker) => worker.state === state).length);
      }
    },
  });
  metrics.gauge({
    name: "device_memory_bytes",
    help: "Memory of each device, total and free, as the device reports it",
    labels: ["device", "kind"],
    collect(gauge) {
      gauge.reset();
      for (const device of gauged?.devices() ?? []) {
        gauge.set({ device: device.id, kind: "total" }, device.total_bytes);
        gauge.set({ device: device.id, kind: "free" }, device.free_bytes);
      }
    },
  });
  metrics.gauge({
    name: "models",
    help: "Models in the models folders",
    collect: (gauge) => gauge.set(gauged?.modelCount() ?? 0),
  });
  metrics.gauge({
    name: "staged_bytes",
    help: "Memory used by copies of models",
    collect: (gauge) => gauge.set(gauged?.stagedBytes() ?? 0),
  });
  metrics.gauge({
    name: "saved_slot_bytes",
    help: "Disk space used by saved slots",
    collect: (gauge) => gauge.set(gauged?.savedSlotBytes() ?? 0),
  });
  metrics.gauge({
    name: "registered",
    help: "1 while the pool is registered with the orchestrator",
    collect: (gauge) => gauge.set(gauged?.isRegistered() ? 1 : 0),
  });

  return {
    metrics,
    started(outcome, seconds) {
      starts.inc({ outcome });
      if (seconds !== undefined) startSeconds.observe(seconds);
    },
    exited: (category) => exits.inc({ category }),
    estimated: (outcome) => estimates.inc({ outcome }),
    heartbeat: (outcome) => heartbeats.inc({ outcome }),
    observe(source) {
      gauged = source;
    },
  };
}
