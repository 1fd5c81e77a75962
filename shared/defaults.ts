/**
 * Ports, names and limits that more than one part must agree on.
 *
 * @module
 */

/** Default ports (docs/architecture.md). `0` means any free port wherever a port is asked for. */
export const PORTS = { orchestratord: 8080, poolManagerd: 9200, workerBase: 8001 } as const;

/** Daemons bind to loopback unless they are told otherwise and have a token. */
export const LOOPBACK = "127.0.0.1";

/** Names of HTTP headers of our own. */
export const HEADERS = {
  correlationId: "X-Correlation-Id",
  idempotencyKey: "Idempotency-Key",
  lastEventId: "Last-Event-ID",
  /** Our own page says with it that a call is its own. */
  console: "X-Llorch-Console",
} as const;

/** Environment variables: secrets, which never stand in argv, and where executables are. */
export const ENV = {
  apiToken: "LLORCH_API_TOKEN",
  /** Certificates that the command line trusts. */
  caFile: "LLORCH_CA_FILE",
  workerToken: "LLORCH_WORKER_TOKEN",
  spawnToken: "LLORCH_SPAWN_TOKEN",
  binDir: "LLORCH_BIN_DIR",
  /** Set by the launcher of a portable executable: its own path. */
  executable: "LLORCH_EXECUTABLE",
  /** Set by what starts us for as long as it lives: its process id, or `parent`. */
  launcher: "LLORCH_LAUNCHER",
  /** Where portable executables unpack their runtime. */
  runtimeDir: "LLORCH_RUNTIME_DIR",
} as const;

/** A comment line is sent on a stream that was silent for this long, in milliseconds. */
export const SSE_KEEP_ALIVE_MS = 15_000;

/** Largest request body that a daemon reads, in bytes, unless configured. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Largest URL and headers of a request together, in bytes, unless configured. The server itself answers
 * more than 64 KiB with a bare 431 and closes the connection.
 */
export const MAX_HEADER_BYTES = 16 * 1024;

/** A connection without a request stays open for this long, in milliseconds, unless configured. */
export const KEEP_ALIVE_MS = 75_000;

/** A request body must arrive within this time, in milliseconds. */
export const BODY_TIMEOUT_MS = 30_000;

/** Tokens per slot that a worker gets when nobody says otherwise, at most what the model was made for. */
export const DEFAULT_CONTEXT = 4096;

/** Slots that a worker gets when nobody says otherwise. */
export const DEFAULT_SLOTS = 4;

/**
 * Longest time for which a pool lets a spawn wait for the memory of workers that are being stopped, in
 * milliseconds: their own time to stop, and what the system takes to give memory back.
 */
export const SPAWN_MEMORY_WAIT_MS = 15_000;

/** What to do where a program is process 1 and cannot reap the orphans of others. */
export const INIT_FIX = "run it under an init: docker run --init, or tini";

/** Exit codes of every executable. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Of a worker: its model's file can never be loaded. */
  unusableModel: 3,
  interrupted: 130,
} as const;
