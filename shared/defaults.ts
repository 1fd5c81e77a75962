/**
 * Ports, names and limits that several programs share.
 *
 * @module
 */

/** Default ports (docs/architecture.md). Port 0 always means any free port. */
export const PORTS = {
  orchestratord: 8080,
  poolManagerd: 9200,
  workerBase: 8001,
  postgres: 5432,
} as const;

/** Daemons bind to loopback unless configured otherwise, which needs a token. */
export const LOOPBACK = "127.0.0.1";

/** Names of HTTP headers. */
export const HEADERS = {
  correlationId: "X-Correlation-Id",
  /** The same, under the name by which OpenAI's clients send and look for it. */
  requestId: "X-Request-Id",
  idempotencyKey: "Idempotency-Key",
  lastEventId: "Last-Event-ID",
  /** Sent from one orchestrator to another, with a request that it passes on. */
  hop: "X-Llorch-Hop",
  /** Sent with orders to pool managers: the number of the leadership that gives them. */
  term: "X-Llorch-Term",
  /** Sent with orders to pool managers: the pool's last report, see `reports.ts`. */
  report: "X-Llorch-Report",
  /** Sent by the console, to prove that a request comes from our own page. */
  console: "X-Llorch-Console",
} as const;

/** Environment variables. Secrets are passed in them, never in argv. */
export const ENV = {
  apiToken: "LLORCH_API_TOKEN",
  /** File of certificates that `llorch` trusts. */
  caFile: "LLORCH_CA_FILE",
  workerToken: "LLORCH_WORKER_TOKEN",
  spawnToken: "LLORCH_SPAWN_TOKEN",
  binDir: "LLORCH_BIN_DIR",
  /** Path of a portable executable; set by its launcher script. */
  executable: "LLORCH_EXECUTABLE",
  /** Process id of the program that we must not outlive, or `parent` for our parent process. */
  launcher: "LLORCH_LAUNCHER",
  /** Where portable executables unpack their runtime. */
  runtimeDir: "LLORCH_RUNTIME_DIR",
} as const;

/** A stream that was silent for this long gets a comment line, in milliseconds. */
export const SSE_KEEP_ALIVE_MS = 15_000;

/** Largest request body that a daemon reads, in bytes, unless configured. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Most levels of objects and lists in JSON that a client sends. What converts and writes values calls
 * itself for each level; chat templates take 200.
 */
export const MAX_JSON_LEVELS = 192;

/** The same where daemons ask each other: a client's values may stand deeper there. */
export const MAX_INNER_JSON_LEVELS = MAX_JSON_LEVELS + 4;

/** Most bytes of the images of a request that any configuration allows. */
export const MAX_IMAGES_BYTES = 48 * 1024 * 1024;

/** Largest body with that many bytes of images, in base64. */
export const imageBodyBytes = (imageBytes: number, maxBodyBytes: number) =>
  maxBodyBytes + Math.ceil(imageBytes / 3) * 4;

/**
 * Largest URL and headers of a request together, in bytes, unless configured. Above 64 KiB Node's
 * server itself replies with an empty 431 and closes the connection.
 */
export const MAX_HEADER_BYTES = 16 * 1024;

/** A connection without a request stays open for this long, in milliseconds, unless configured. */
export const KEEP_ALIVE_MS = 75_000;

/** A request body must arrive within this time, in milliseconds. */
export const BODY_TIMEOUT_MS = 30_000;

/** Default context in tokens per slot; less if the model was trained for less. */
export const DEFAULT_CONTEXT = 4096;

/** Context that agents need for their own instructions and some work, in tokens. */
export const AGENT_CONTEXT = 16_000;

/** Default number of slots of a worker. */
export const DEFAULT_SLOTS = 4;

/**
 * Longest time for which a spawn waits for the memory of workers that are being stopped, in
 * milliseconds: their time to stop, and the system's time to free their memory.
 */
export const SPAWN_MEMORY_WAIT_MS = 15_000;

/** What to do if a program is process 1 and cannot reap orphaned processes. */
export const INIT_FIX = "run it under an init: docker run --init, or tini";

/** Exit codes of every executable. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** A worker's model file can never be loaded. */
  unusableModel: 3,
  interrupted: 130,
} as const;

/** First argument of a standby worker: it prepares itself and waits for orders on stdin. */
export const STANDBY = "standby";
