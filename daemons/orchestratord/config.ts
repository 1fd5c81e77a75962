import { join } from "node:path";
import { z } from "zod";
import {
  commonKeys,
  count,
  hostKey,
  limitsSection,
  millis,
  portKey,
  tlsSection,
  tokenFileKey,
} from "#shared/config/common.ts";
import type { ConfigSpec } from "#shared/config/load.ts";
import { type KeyLimits, modelName } from "#shared/contracts/mod.ts";
import { PORTS, SSE_KEEP_ALIVE_MS } from "#shared/defaults.ts";
import { HostSet } from "./access/allowed_hosts.ts";
import type { Policy } from "./scheduler/state.ts";

const HOUR = 3_600_000;

const hostEntry = z.string().refine((entry) => {
  try {
    return Boolean(new HostSet([entry]));
  } catch {
    return false;
  }
}, "must be a host name, *.suffix, address or CIDR range");

const idleTtl = z.string().regex(/^.+=\d{1,12}$/, "must be NAME=MILLISECONDS");

/** Every key of orchestratord; defaults stand here and nowhere else. */
export const configSchema = z.strictObject({
  ...commonKeys,
  host: hostKey,
  port: portKey(PORTS.orchestratord),
  base_path: z.string().regex(
    /^(\/(?!\.+(\/|$))[A-Za-z0-9._~-]+)*$/,
    "must begin with / and not end with one, such as /llm; between them letters A-Z and a-z, " +
      "digits and . _ ~ - are allowed, and no part of dots alone",
  ).default("").describe("Where a proxy in front has this service, such as /llm; it takes it off"),
  token_file: tokenFileKey,
  tls: tlsSection,
  state_dir: z.string().min(1).optional()
    .describe(
      "Folder of the database; else $STATE_DIRECTORY or ~/.local/state/llorch/orchestratord",
    ),
  stop_deadline_ms: millis(5_000, "Streams that run when the daemon is told to stop get this long"),
  tick_ms: millis(250, "How often deadlines, timeouts and silent pools are looked at"),
  queue: z.strictObject({
    capacity: count(100, "Jobs that may wait; one more is answered 429"),
    timeout_ms: millis(600_000, "A job that waits this long for a worker ends"),
    batch_promote_ms: millis(300_000, "After this time a batch job counts as interactive"),
  }).prefault({}),
  swap: z.strictObject({
    patience_ms: millis(
      10_000,
      "So long a busy model is served while another waits for its memory",
    ),
    min_resident_ms: millis(10_000, "A model that was just loaded stays for this long at least"),
  }).prefault({}),
  models: z.strictObject({
    preload: z.array(modelName).default([])
      .describe("Models that are loaded when a pool comes with them, and again after a crash"),
    idle_ttl_ms: count(0, "A worker without a job for this long is stopped; 0: never", 0),
    idle_ttl_of: z.array(idleTtl).default([])
      .describe("The same for single models: NAME=MILLISECONDS"),
  }).prefault({}),
  failover: z.strictObject({
    max_attempts: count(5, "Attempts in a row that may fail without a delivered token"),
    backoff_first_ms: millis(1_000, "Pause before the third attempt; the second comes at once"),
    backoff_max_ms: millis(60_000, "The pause doubles up to this"),
    stall_ms: millis(10_000, "A worker that sends no event for this long is given up"),
    call_ms: millis(120_000, "A worker that takes longer for embeddings or a rerank is given up"),
  }).prefault({}),
  streams: z.strictObject({
    disconnect_grace_ms: millis(10_000, "A job whose last reader left is cancelled after this"),
    keep_alive_ms: millis(SSE_KEEP_ALIVE_MS, "A comment line after this much silence"),
    max_open: count(1_000, "Streams that clients may read at once; one more is answered 503"),
    slow_reader_ms: millis(
      60_000,
      "A client that reads nothing of its stream this long is cut off",
    ),
    first_byte_ms: millis(15_000, "A /v1 stream opens after this even if no token came"),
  }).prefault({}),
  pools: z.strictObject({
    heartbeat_interval_ms: millis(15_000, "How often a pool reports"),
    missed_heartbeats: count(3, "Reports that may be missed before a pool is unavailable"),
    forget_ms: millis(300_000, "A pool silent for this long is forgotten"),
    state_timeout_ms: millis(5_000, "Known pools get this long to answer after a restart"),
    call_timeout_ms: millis(10_000, "Deadline of a call to a pool"),
    allowed_hosts: z.array(hostEntry).default([])
      .describe("Hosts that pools and workers may be at: names, *.suffixes, addresses, CIDR"),
  }).prefault({}),
  workers: z.strictObject({
    start_timeout_ms: millis(600_000, "A worker that is not ready after this has failed to start"),
    replica_after_ms: millis(
      5_000,
      "Jobs that waited this long get one more worker of their model, where there is room",
    ),
    replica_idle_ms: millis(
      60_000,
      "A second worker of a model that nobody has used for this long is stopped",
    ),
    stop_timeout_ms: millis(30_000, "A worker still there this long after its stop is used again"),
    breaker_failures: count(5, "Failed starts in a row that stop further tries"),
    breaker_open_ms: millis(300_000, "How long no further try is made then"),
  }).prefault({}),
  retention: z.strictObject({
    content_ms: millis(300_000, "Output is erased this long after it was read to its end"),
    unread_ms: millis(24 * HOUR, "Output that nobody read is erased after this"),
    metadata_ms: millis(7 * 24 * HOUR, "A job is forgotten this long after its end"),
    sweep_ms: millis(60_000, "How often the above is carried out"),
  }).prefault({}),
  limits: limitsSection,
  keys: z.strictObject({
    requests_per_minute: count(0, "Requests per minute of an API key; 0: no bound", 0),
    concurrent_jobs: count(0, "Jobs of an API key that wait or run; 0: no bound", 0),
    tokens_per_day: count(0, "Tokens of an API key per day (UTC); 0: no bound", 0),
    unsafe_requests_per_hour: count(
      3,
      "Requests of an API key that ended workers within an hour; 0: no bound",
      0,
    ),
  }).prefault({}),
});

/** A validated configuration. */
export type Config = z.output<typeof configSchema>;

/** How orchestratord is told what to do. */
export const configSpec: ConfigSpec<typeof configSchema> = {
  program: "orchestratord",
  summary: "queues, places and streams the jobs of all pools",
  schema: configSchema,
  defaultFile: "/etc/llorch/orchestrator.toml",
  commands: {
    keys: {
      words: "list|create NAME|revoke ID",
      summary: "API keys, while orchestratord runs or not",
      uses: ["state_dir"],
      flags: {
        role: { type: "string", help: "keys create: client, operator or pool (default client)" },
        expires: { type: "string", help: "keys create: when the key ends, such as 2027-01-31" },
        "requests-per-minute": { type: "string", help: "keys create: a bound of this key" },
        "concurrent-jobs": { type: "string", help: "keys create: a bound of this key" },
        "tokens-per-day": { type: "string", help: "keys create: a bound of this key" },
        "unsafe-requests-per-hour": { type: "string", help: "keys create: a bound of this key" },
      },
    },
    backup: {
      words: "FILE",
      summary: "copy the database, while orchestratord runs or not",
      uses: ["state_dir"],
    },
  },
};

/** Bounds of API keys that have none of their own. */
export function keyDefaults({ keys }: Config): KeyLimits {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value > 0));
}

/** The database inside the state folder. */
export function databasePath(stateDir: string): string {
  return join(stateDir, "orchestrator.db");
}

/** Streams say twice a second that they go on: a worker is quiet after missing a few of these words. */
const LEAST_QUIET_MS = 1_500;

/** The part of the configuration that the scheduler decides by. */
export function policyOf(config: Config): Policy {
  return {
    queueCapacity: config.queue.capacity,
    queueTimeoutMs: config.queue.timeout_ms,
    batchPromoteMs: config.queue.batch_promote_ms,
    swapPatienceMs: config.swap.patience_ms,
    swapMinResidentMs: config.swap.min_resident_ms,
    maxAttempts: config.failover.max_attempts,
    backoffFirstMs: config.failover.backoff_first_ms,
    backoffMaxMs: config.failover.backoff_max_ms,
    quietMs: Math.max(LEAST_QUIET_MS, config.failover.stall_ms / 4),
    poolTimeoutMs: config.pools.heartbeat_interval_ms * config.pools.missed_heartbeats,
    poolForgetMs: config.pools.forget_ms,
    spawnTimeoutMs: config.workers.start_timeout_ms,
    replicaAfterMs: config.workers.replica_after_ms,
    stopTimeoutMs: config.workers.stop_timeout_ms,
    replicaIdleMs: config.workers.replica_idle_ms,
    breakerFailures: config.workers.breaker_failures,
    breakerOpenMs: config.workers.breaker_open_ms,
    preload: config.models.preload,
    idleTtlMs: config.models.idle_ttl_ms,
    idleTtlOf: new Map(config.models.idle_ttl_of.map((entry) => {
      const at = entry.lastIndexOf("=");
      return [entry.slice(0, at), Number(entry.slice(at + 1))];
    })),
  };
}
