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
import type { ConfigSpec, FlagFacts } from "#shared/config/spec.ts";
import {
  type KeyLimits,
  MODEL_REF_LIMIT,
  modelName,
  type NameParameter,
  nameParameters,
} from "#shared/contracts/mod.ts";
import { MAX_IMAGES_BYTES, PORTS, SSE_KEEP_ALIVE_MS } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import { secretSha256 } from "#shared/secrets.ts";
import { ImageHosts } from "#shared/net/image_hosts.ts";
import { HostSet } from "./access/allowed_hosts.ts";
import { APP_ORIGINS, isOriginEntry } from "./access/origins.ts";
import { circles, type Names } from "./scheduler/names.ts";
import { parseStoreUrl } from "./store/postgres/store_url.ts";
import type { Policy } from "./scheduler/state.ts";

const HOUR = 3_600_000;

const MIB = 1024 * 1024;

const hostEntry = z.string().refine((entry) => {
  try {
    return Boolean(new HostSet([entry]));
  } catch {
    return false;
  }
}, "must be a host name, *.suffix, address or CIDR range");

const originEntry = z.string().refine(
  isOriginEntry,
  "must be an origin as browsers send it, such as https://chat.example or http://localhost:3000, a scheme " +
    'such as app:// (but not http:// or https://), "null", or "*" for every page',
);

const imageHost = z.string().superRefine((entry, context) => {
  try {
    new ImageHosts([entry]);
  } catch (error) {
    context.addIssue({ code: "custom", message: errorMessage(error) });
  }
});

const ownName = z.string().regex(
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/,
  "must be a whole host name in lower case, without a port, such as host.docker.internal",
);

const idleTtl = z.string().regex(/^.+=\d{1,12}$/, "must be NAME=MILLISECONDS");

/** A model, or another name. Clients see it in replies, so that it is no path of a host. */
const nameTarget = modelName.refine(
  (name) => !name.startsWith("file:"),
  "must not be the path of a file: use the model's short name, as GET /v1/models lists it",
);

/** `[names.NAME]`: a name that stands for a model. */
const nameSection = z.strictObject({
  target: nameTarget,
  fallback: nameTarget.optional(),
  parameters: nameParameters.default({}),
  fixed: z.array(nameParameters.keyof()).default([]),
  context: z.number().int().min(8).max(10_000_000).optional(),
  show_target: z.boolean().default(false),
}).superRefine(({ parameters, fixed }, context) => {
  for (const [index, field] of fixed.entries()) {
    if (parameters[field] !== undefined) continue;
    const message = `names ${field}, which parameters does not set`;
    context.addIssue({ code: "custom", path: ["fixed", index], message });
  }
});

const NAME = /^(?!file:|hf:)[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}$/;

/** Every configured name by itself. */
const namesSection = z.record(z.string(), nameSection).superRefine((names, context) => {
  for (const name of Object.keys(names)) {
    if (NAME.test(name)) continue;
    const message =
      "cannot be a name: it needs 1 to 255 letters, digits and ._:/@+-, begins with " +
      "a letter or digit, and not with hf: or file:, which always mean a model";
    context.addIssue({ code: "custom", path: [name], message });
  }
  for (const { name, field, message } of circles(toNames(names))) {
    context.addIssue({ code: "custom", path: [name, field], message });
  }
});

/** Converts the section to what decisions are made by. */
function toNames(section: Readonly<Record<string, z.output<typeof nameSection>>>): Names {
  return new Map(
    Object.entries(section).map(([name, { show_target, ...settings }]) => [name, {
      target: settings.target,
      fallback: settings.fallback,
      parameters: settings.parameters,
      fixed: settings.fixed as NameParameter[],
      context: settings.context,
      showTarget: show_target,
    }]),
  );
}

const storeUrl = z.string().superRefine((url, context) => {
  try {
    parseStoreUrl(url);
  } catch (error) {
    context.addIssue({ code: "custom", message: errorMessage(error) });
  }
});

/** `[store]`: where everything is stored. */
const storeSection = z.strictObject({
  url: storeUrl.optional().describe(
    "PostgreSQL database: postgres://USER@HOST[,HOST…]/DATABASE; default: SQLite in the state folder",
  ),
  password_file: z.string().min(1).optional()
    .describe("File (mode 0600, or a credential of systemd) with the password of its user"),
  tls: z.strictObject({
    ca: z.string().min(1).optional().describe(
      "PEM file with the certificate that signed the server's; default: those of the system",
    ),
    insecure: z.boolean().default(false)
      .describe(
        "Whether connections to other machines are not encrypted: only in a network of your own",
      ),
  }).prefault({}),
  connections: z.number().int().min(1).max(100).default(4)
    .describe("Connections for reads and seldom writes; two more are for events and for the lease"),
  commit_every_ms: millis(2, "Least time from one commit of events to the next"),
}).prefault({});

/** `[cluster]`: several orchestrators on one database, of which one leads. */
/** A URL at which another machine can reach this one. */
const advertiseUrl = z.string().superRefine((text, context) => {
  const refuse = (message: string) => context.addIssue({ code: "custom", message });
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    return refuse("must be a URL such as http://10.0.0.1:8080");
  }
  if (url.username || url.password || url.search || url.hash) {
    refuse("must have no user, password, ? or #: others add paths to it, and show it");
  }
  if (/^(0\.0\.0\.0|\[::\])$/.test(url.hostname)) {
    refuse(`must name this machine: others cannot call ${url.hostname}`);
  }
});

const clusterSection = z.strictObject({
  advertise_url: advertiseUrl.optional()
    .describe("URL at which others reach this orchestrator; default: its own address"),
  replica_id: z.string().regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    "must begin with a letter or digit and have 1 to 64 letters, digits and ._-",
  ).optional().describe(
    "Name of this orchestrator among those of its database; default: one in its state folder",
  ),
  renew_ms: millis(1_000, "How often the leader renews its lease"),
  leader_ttl_ms: millis(3_000, "How long a leader that does not renew its lease keeps it"),
  leader_wait_ms: millis(
    8_000,
    "How long a request waits for an orchestrator that leads; then 503",
  ),
  leave_ms: count(
    3_000,
    "How long one that is stopped still passes requests on, until proxies have noticed; 0: not at all",
    0,
  ),
}).refine(({ renew_ms, leader_ttl_ms }) => leader_ttl_ms >= 3 * renew_ms, {
  path: ["leader_ttl_ms"],
  message: "must be at least three times cluster.renew_ms",
}).prefault({});

/** Every configuration key of orchestratord. Defaults are set only here. */
export const configSchema = z.strictObject({
  ...commonKeys,
  host: hostKey,
  port: portKey(PORTS.orchestratord),
  base_path: z.string().regex(
    /^(\/(?!\.+(\/|$))[A-Za-z0-9._~-]+)*$/,
    "must begin with / and not end with one, such as /llm; between them letters A-Z and a-z, " +
      "digits and . _ ~ - are allowed, and no part of dots alone",
  ).default("").describe(
    "Path prefix that a proxy in front serves us under and strips, such as /llm",
  ),
  token_file: tokenFileKey,
  tls: tlsSection,
  http: z.strictObject({
    host_names: z.array(ownName).default([])
      .describe(
        "Names by which we may be called without a token, besides localhost and addresses",
      ),
  }).prefault({}),
  cors: z.strictObject({
    origins: z.array(originEntry).default([...APP_ORIGINS])
      .describe(
        "Pages that may call inference routes without a key of their own: origins or schemes",
      ),
  }).prefault({}),
  state_dir: z.string().min(1).optional()
    .describe(
      "Folder of the database; default: $STATE_DIRECTORY or ~/.local/state/llorch/orchestratord",
    ),
  store: storeSection,
  cluster: clusterSection,
  stop_deadline_ms: millis(
    5_000,
    "How long running streams may continue once the daemon is stopped",
  ),
  tick_ms: millis(250, "Interval at which deadlines, timeouts and silent pools are checked"),
  queue: z.strictObject({
    capacity: count(100, "Most jobs that may wait; beyond it, 429"),
    timeout_ms: millis(600_000, "A job that waits this long for a worker fails"),
    batch_promote_ms: millis(300_000, "After this time a batch job counts as interactive"),
  }).prefault({}),
  fair: z.strictObject({
    yield_after_ms: z.number().int().min(0).default(750).describe(
      "A job of a client that has had more than its share gives its slot to others that have waited " +
        "for this long, and goes on later; 0: never",
    ),
  }).prefault({}),
  swap: z.strictObject({
    patience_ms: millis(
      10_000,
      "How long a loaded model may keep serving while another waits for its memory",
    ),
    min_resident_ms: millis(10_000, "A loaded model is not evicted for another before this time"),
  }).prefault({}),
  default_model: z.string().max(MODEL_REF_LIMIT).default("").describe(
    "Model or name of requests of other vendors' APIs that name none; empty: the only model there is",
  ),
  names: namesSection.default({}),
  models: z.strictObject({
    preload: z.array(modelName).default([])
      .describe("Models to load as soon as a pool has them, and again after a crash"),
    idle_ttl_ms: count(0, "A worker without a job for this long is stopped; 0 keeps it", 0),
    idle_ttl_of: z.array(idleTtl).default([])
      .describe("The same for one model: NAME=MILLISECONDS"),
    keep_alive_min_ms: millis(
      60_000,
      "Shortest keep_alive of a client of Ollama's API; less counts as this",
    ),
    keep_alive_max_ms: millis(
      HOUR,
      "Longest keep_alive of a client of Ollama's API; more, and forever, count as this",
    ),
  }).prefault({}),
  failover: z.strictObject({
    max_attempts: count(5, "Attempts in a row that may fail without delivering a token"),
    backoff_first_ms: millis(1_000, "Pause before the third attempt; the second is immediate"),
    backoff_max_ms: millis(60_000, "Longest pause; it doubles with each attempt"),
    stall_ms: millis(10_000, "A worker that sends no event for this long counts as hung"),
    call_ms: millis(120_000, "Deadline for embeddings and reranking on one worker"),
  }).prefault({}),
  streams: z.strictObject({
    disconnect_grace_ms: millis(
      10_000,
      "A job is cancelled this long after its last reader disconnects",
    ),
    keep_alive_ms: millis(
      SSE_KEEP_ALIVE_MS,
      "A keep-alive comment is sent after this much silence",
    ),
    max_open: count(1_000, "Most open client streams; beyond it, 503"),
    slow_reader_ms: millis(
      60_000,
      "A client that reads nothing for this long is disconnected",
    ),
    first_byte_ms: millis(5_000, "A /v1 stream starts after this time even without a token"),
  }).prefault({}),
  pools: z.strictObject({
    heartbeat_interval_ms: millis(15_000, "Interval at which pools report"),
    missed_heartbeats: count(3, "Missed reports after which a pool is unavailable"),
    forget_ms: millis(300_000, "An unavailable pool that is silent for this long is forgotten"),
    state_timeout_ms: millis(5_000, "How long known pools have to answer after a restart"),
    call_timeout_ms: millis(10_000, "Deadline of a call to a pool"),
    allowed_hosts: z.array(hostEntry).default([])
      .describe("Hosts that may run pools and workers: names, *.suffixes, addresses, CIDR"),
  }).prefault({}),
  workers: z.strictObject({
    start_timeout_ms: millis(600_000, "A worker that is not ready by then has failed to start"),
    replica_after_ms: millis(
      5_000,
      "After jobs wait this long, another worker of their model starts if there is room",
    ),
    replica_idle_ms: millis(
      60_000,
      "An extra worker of a model is stopped after this long without a job",
    ),
    stop_timeout_ms: millis(
      30_000,
      "A worker still reported this long after a stop request is used again",
    ),
    breaker_failures: count(
      5,
      "Failed starts in a row of a model on a pool after which its starts there pause",
    ),
    breaker_open_ms: millis(
      300_000,
      "How long starts pause after breaker_failures before one more is tried",
    ),
  }).prefault({}),
  retention: z.strictObject({
    content_ms: millis(300_000, "Output is erased this long after it was read completely"),
    unread_ms: millis(
      24 * HOUR,
      "Output that was not read completely is erased this long after the job's end",
    ),
    metadata_ms: millis(7 * 24 * HOUR, "A job is forgotten this long after its end"),
    stored_ms: millis(
      7 * 24 * HOUR,
      "A stored response is erased this long after it was last read or continued, a file after its " +
        "last use, and a batch after its end",
    ),
    sweep_ms: millis(60_000, "Interval at which expired data is removed"),
  }).prefault({}),
  responses: z.strictObject({
    store_default: z.boolean().default(true)
      .describe("Whether a response is stored when its request does not say"),
    max_count: count(
      10_000,
      "Most stored responses of an API key; beyond it, those used longest ago are erased",
    ),
    max_bytes: count(
      256 * MIB,
      "Most bytes of stored responses of an API key; beyond it, those used longest ago are erased",
      1024,
    ),
    max_chain: count(256, "Most earlier responses that a response may continue"),
    max_chain_bytes: count(8 * MIB, "Most bytes of the responses that a response continues", 1024),
  }).prefault({}),
  files: z.strictObject({
    max_bytes: count(200 * MIB, "Largest file of requests, in bytes; beyond it, 413", 1024),
    max_lines: count(50_000, "Most lines of a file of requests; beyond it, 413"),
    max_line_bytes: count(8 * MIB, "Longest line of a file of requests; beyond it, 413", 1024),
    max_count: count(1_000, "Most files of an API key; beyond it, 429"),
    max_total_bytes: count(1024 * MIB, "Most bytes of files of an API key; beyond it, 429", 1024),
    min_free_bytes: count(
      256 * MIB,
      "Bytes of the disk that files leave free: with less, uploads get 503, and batches wait",
      0,
    ),
  }).prefault({}),
  images: z.strictObject({
    fetch_hosts: z.array(imageHost).default([])
      .describe("Hosts from which images may be fetched: names, *.suffixes, or addresses"),
    fetch_timeout_ms: millis(10_000, "An image must have been fetched by then"),
    max_bytes: count(10 * MIB, "Largest image, in bytes", 1024),
    max_pixels: count(33_000_000, "Most pixels of an image"),
    max_count: count(16, "Most images of a request"),
    max_total_bytes: z.number().int().min(1024).max(MAX_IMAGES_BYTES).default(20 * MIB)
      .describe("Most bytes of the images of a request"),
    max_held_bytes: count(
      256 * MIB,
      "Most bytes of images, and of bodies with images, in memory; beyond it, 503",
      1024,
    ),
  }).prefault({}),
  batches: z.strictObject({
    max_open: count(100, "Most unfinished batches of an API key; beyond it, 429"),
    max_waiting: count(8, "Most requests of an API key's batches that wait in the queue at a time"),
  }).prefault({}),
  limits: limitsSection,
  keys: z.strictObject({
    requests_per_minute: count(0, "Requests per minute for an API key; 0 is unlimited", 0),
    concurrent_jobs: count(0, "Waiting and running jobs of an API key; 0 is unlimited", 0),
    tokens_per_day: count(0, "Tokens per day (UTC) for an API key; 0 is unlimited", 0),
    unsafe_requests_per_hour: count(
      3,
      "Requests of an API key per hour that may end with REQUEST_UNSAFE; 0 is unlimited",
      0,
    ),
  }).prefault({}),
});

/** A validated configuration. */
export type Config = z.output<typeof configSchema>;

/** Flags of `orchestratord keys`. */
export const KEY_FLAGS = {
  role: { type: "string", help: "keys create: client, operator or pool (default client)" },
  expires: { type: "string", help: "keys create: when the key ends, such as 2027-01-31" },
  "requests-per-minute": { type: "string", help: "keys create: a limit of this key" },
  "concurrent-jobs": { type: "string", help: "keys create: a limit of this key" },
  "tokens-per-day": { type: "string", help: "keys create: a limit of this key" },
  "unsafe-requests-per-hour": { type: "string", help: "keys create: a limit of this key" },
} as const satisfies FlagFacts;

/** Flags of `orchestratord store`. */
export const STORE_FLAGS = {
  to: { type: "string", help: "store copy: URL of an empty PostgreSQL database to copy to" },
  from: { type: "string", help: "store copy: URL of a PostgreSQL database to copy to a file" },
} as const satisfies FlagFacts;

/** The configuration sources of orchestratord. */
export const configSpec: ConfigSpec<typeof configSchema> = {
  program: "orchestratord",
  summary: "queues, places and streams the jobs of all pools",
  schema: configSchema,
  defaultFile: "/etc/llorch/orchestrator.toml",
  commands: {
    keys: {
      words: "list|create NAME|revoke ID",
      summary: "API keys, while orchestratord runs or not",
      uses: ["state_dir", "store.url"],
      flags: KEY_FLAGS,
    },
    backup: {
      words: "FILE",
      summary: "copy the SQLite database, while orchestratord runs or not",
      uses: ["state_dir"],
    },
    store: {
      words: "copy [FILE]",
      summary: "copy a stopped orchestratord's SQLite database into PostgreSQL, or back",
      uses: ["state_dir", "store.password_file", "store.tls.ca"],
      flags: STORE_FLAGS,
    },
  },
};

/** Settings of one host or process, which may differ between orchestrators of one database. */
const OF_ONE_HOST = [
  ...["host", "port", "token_file", "tls", "state_dir", "store", "cluster"],
  ...["log_level", "limits"],
];

/** Hash of the settings by which an orchestrator decides: those of one database should be the same. */
export function policySha256(config: Config): string {
  const shared = Object.entries(config).filter(([name]) => !OF_ONE_HOST.includes(name));
  return secretSha256(JSON.stringify(shared.sort(([a], [b]) => a < b ? -1 : 1)));
}

/** Default limits of API keys. */
export function keyDefaults({ keys }: Config): KeyLimits {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value > 0));
}

/** The database inside the state folder. */
export function databasePath(stateDir: string): string {
  return join(stateDir, "orchestrator.db");
}

/** Streams report progress twice a second: a worker counts as quiet after missing a few reports. */
const LEAST_QUIET_MS = 1_500;

/** The part of the configuration that the scheduler decides by. */
export function policyOf(config: Config): Policy {
  return {
    queueCapacity: config.queue.capacity,
    queueTimeoutMs: config.queue.timeout_ms,
    batchPromoteMs: config.queue.batch_promote_ms,
    yieldAfterMs: config.fair.yield_after_ms,
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
    names: toNames(config.names),
    preload: config.models.preload,
    idleTtlMs: config.models.idle_ttl_ms,
    idleTtlOf: new Map(config.models.idle_ttl_of.map((entry) => {
      const at = entry.lastIndexOf("=");
      return [entry.slice(0, at), Number(entry.slice(at + 1))];
    })),
  };
}
