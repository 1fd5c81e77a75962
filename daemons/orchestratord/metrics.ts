import { createMetrics } from "#shared/metrics.ts";
import type { State } from "./scheduler/state.ts";
import type { StoreSize } from "./store/job_store.ts";

/** The `orchd_*` metrics. */
export type OrchestratorMetrics = ReturnType<typeof createOrchestratorMetrics>;

/** Why a stored response is removed. */
const REMOVAL_REASONS = ["expired", "trimmed", "revoked", "deleted"];

/** One set of labels for each value of `outcome`. */
const outcomes = (...values: readonly string[]) => values.map((outcome) => ({ outcome }));

/** Facts that are read when Prometheus asks, so that gauges never drift from them. */
export interface OrchestratorFacts {
  readonly state: () => Readonly<State>;
  /** What `/ready` says. */
  readonly isReady: () => boolean;
  /** What the database takes on disk. */
  readonly size: () => StoreSize;
  /** Bytes of images, and of bodies with images, in memory. */
  readonly imageBytes: () => number;
  /** The term that this process leads; undefined: it does not, or there can be no other. */
  readonly term: () => number | undefined;
  /** Whether it leads, or is alone. */
  readonly leads: () => boolean;
  /** Orchestrators on the database that report, and that do not; undefined: it cannot be read. */
  readonly replicas: () => Promise<{ alive: number; silent: number } | undefined>;
}

/** The metrics of one orchestratord, which stay whether it leads or not. */
export function createOrchestratorMetrics(
  { state, isReady, size, imageBytes, term, leads, replicas }: OrchestratorFacts,
) {
  const metrics = createMetrics("orchd");
  const { counter, gauge, histogram } = metrics;
  gauge({
    name: "leader",
    help: "1 while this orchestrator leads, or is the only one",
    collect: (self) => self.set(Number(leads())),
  });
  gauge({
    name: "term",
    help: "Number of the leadership, at the orchestrator that leads; 0 at others",
    collect: (self) => self.set(term() ?? 0),
  });
  gauge({
    name: "replicas",
    help: "Orchestrators on this database, as it says",
    labels: ["state"],
    async collect(self) {
      const counts = await replicas().catch(() => undefined);
      self.reset();
      if (!counts) return;
      self.set({ state: "alive" }, counts.alive);
      self.set({ state: "silent" }, counts.silent);
    },
  });
  gauge({
    name: "ready",
    help: "1 while /ready answers 200",
    collect: (self) => self.set(Number(isReady())),
  });
  gauge({
    name: "queue_capacity",
    help: "Jobs that may wait",
    collect: (self) => self.set(state().policy.queueCapacity),
  });
  gauge({
    name: "queue_depth",
    help: "Jobs that wait",
    labels: ["priority"],
    collect(self) {
      const count = { interactive: 0, batch: 0 };
      for (const job of state().queued.values()) count[job.priority]++;
      self.set({ priority: "interactive" }, count.interactive);
      self.set({ priority: "batch" }, count.batch);
    },
  });
  gauge({
    name: "jobs_running",
    help: "Jobs on a worker",
    collect: (self) => self.set(state().running.size),
  });
  gauge({
    name: "pools",
    help: "Known pools",
    labels: ["status"],
    collect(self) {
      const pools = [...state().pools.values()];
      const available = pools.filter((pool) => pool.available).length;
      self.set({ status: "available" }, available);
      self.set({ status: "unavailable" }, pools.length - available);
    },
  });
  gauge({
    name: "workers",
    help: "Workers of available pools",
    labels: ["state"],
    collect(self) {
      self.reset();
      for (const pool of state().pools.values()) {
        if (!pool.available) continue;
        for (const worker of pool.workers) self.inc({ state: worker.state });
      }
    },
  });
  gauge({
    name: "image_bytes",
    help:
      "Bytes of images, and of request bodies with images, in memory; see images.max_held_bytes",
    collect: (self) => self.set(imageBytes()),
  });
  gauge({
    name: "database_bytes",
    help: "Size of the database file in bytes, without its write-ahead log",
    collect: (self) => self.set(size().bytes),
  });
  gauge({
    name: "database_free_bytes",
    help: "Free bytes in the database file: reused, or returned to the file system in steps",
    collect: (self) => self.set(size().freeBytes),
  });
  gauge({
    name: "database_log_bytes",
    help:
      "Size of the write-ahead log in bytes; grows while another program holds a transaction open",
    collect: (self) => self.set(size().logBytes),
  });
  return {
    http: metrics,
    leaderChanges: counter({
      name: "leader_changes_total",
      help: "Times that this orchestrator began to lead, and ceased to",
      labels: ["outcome"],
      zeros: outcomes("begun", "ended"),
    }),
    passedOn: counter({
      name: "passed_on_total",
      help: "Requests passed on to the orchestrator that leads, and those for which none was found",
      labels: ["outcome"],
      zeros: outcomes("answered", "no_leader", "unknown"),
    }),
    submitted: counter({
      name: "jobs_submitted_total",
      help: "Submissions: accepted, repeated with the same Idempotency-Key, or refused",
      labels: ["outcome"],
      zeros: outcomes("accepted", "repeated", "queue_full", "refused"),
    }),
    nameJobs: counter({
      name: "name_jobs_total",
      help: "Jobs accepted under a name of the configuration ([names.NAME])",
      labels: ["name"],
    }),
    nameFallbacks: counter({
      name: "name_fallbacks_total",
      help:
        "Jobs under a name of the configuration that went to its fallback, once for each change",
      labels: ["name"],
    }),
    nameTokens: counter({
      name: "name_tokens_total",
      help: "Tokens read and delivered by ended jobs under a name of the configuration",
      labels: ["name"],
    }),
    ended: counter({
      name: "jobs_ended_total",
      help: "Jobs that ended",
      labels: ["outcome"],
      zeros: outcomes("completed", "failed", "cancelled"),
    }),
    unsafe: counter({
      name: "unsafe_requests_total",
      help: "Jobs that ended with REQUEST_UNSAFE because workers hung or died with them",
    }),
    failovers: counter({
      name: "failovers_total",
      help: "Attempts that failed and were followed by another",
    }),
    yields: counter({
      name: "yields_total",
      help: "Attempts that gave their slot to others that had waited, and were continued later",
    }),
    tokens: counter({ name: "tokens_out_total", help: "Tokens delivered" }),
    reasoningTokens: counter({
      name: "reasoning_tokens_total",
      help: "Tokens of thinking in completed answers, which tokens_out_total counts too",
    }),
    calls: counter({
      name: "tool_calls_total",
      help: "Calls of completed answers: complete, or cut by max_tokens; none: answers that had " +
        "tools and called none",
      labels: ["outcome"],
      zeros: outcomes("complete", "cut", "none"),
    }),
    validated: counter({
      name: "validated_answers_total",
      help: "Finished answers that were checked against a schema that their grammar did not hold",
      labels: ["outcome"],
      zeros: outcomes("valid", "invalid"),
    }),
    spawns: counter({
      name: "spawns_total",
      help: "Workers requested from pools",
      labels: ["outcome"],
      zeros: outcomes("accepted", "failed"),
    }),
    loads: histogram({
      name: "load_seconds",
      help:
        "From the decision to load a model until it is ready; swap: another model was evicted for it",
      labels: ["cause"],
    }),
    evictions: counter({
      name: "evictions_total",
      help: "Idle workers stopped to make room for another model",
    }),
    heartbeats: counter({
      name: "heartbeats_total",
      help: "Reports of pools",
      labels: ["outcome"],
      zeros: outcomes("ok", "unknown", "twin", "late"),
    }),
    authFailures: counter({
      name: "auth_failures_total",
      help: "Calls without a valid key for the route",
      labels: ["reason"],
      zeros: ["missing", "unknown", "revoked", "expired", "role"].map((reason) => ({ reason })),
    }),
    rateLimited: counter({ name: "rate_limited_total", help: "Calls beyond a limit of their key" }),
    images: counter({
      name: "images_total",
      help: "Images of requests, from data: URLs or fetched, that were taken or refused",
      labels: ["source", "outcome"],
      zeros: ["data", "url"].flatMap((source) =>
        ["taken", "refused"].map((outcome) => ({ source, outcome }))
      ),
    }),
    responsesRemoved: counter({
      name: "responses_removed_total",
      help:
        "Stored responses that were erased: not used for retention.stored_ms, beyond the bounds " +
        "of their key, of a key that was revoked by HTTP, or deleted by a client",
      labels: ["reason"],
      zeros: REMOVAL_REASONS.map((reason) => ({ reason })),
    }),
    batchesEnded: counter({
      name: "batches_ended_total",
      help: "Batches that ended",
      labels: ["outcome"],
      zeros: outcomes("completed", "failed", "expired", "cancelled"),
    }),
    batchLines: counter({
      name: "batch_lines_total",
      help:
        "Requests of batches: answered, refused or failed, or given up when the batch expired " +
        "or was cancelled",
      labels: ["outcome"],
      zeros: outcomes("completed", "failed", "expired", "cancelled"),
    }),
    streams: gauge({ name: "streams_open", help: "Event streams that clients read" }),
    queueWait: histogram({
      name: "queue_wait_seconds",
      help: "From acceptance to the first start",
    }),
    ttft: histogram({ name: "ttft_seconds", help: "From acceptance to the first token" }),
    interToken: histogram({
      name: "inter_token_seconds",
      help: "Between two token events of a job",
    }),
  };
}
