/**
 * The one error type of llorch and its closed code table (docs/architecture.md, "Errors").
 *
 * @module
 */

/** HTTP status of an error code, and whether a client may try again. */
interface CodeFacts {
  readonly status: number;
  readonly retriable: boolean;
}

/**
 * Every error code of the wire contract. `status` is the HTTP status before the first byte of a
 * stream; after it, the code travels in the `error` event.
 */
export const ERROR_CODES = {
  INVALID_REQUEST: { status: 400, retriable: false },
  CONTEXT_LENGTH_EXCEEDED: { status: 400, retriable: false },
  UNAUTHORIZED: { status: 401, retriable: false },
  FORBIDDEN: { status: 403, retriable: false },
  NOT_FOUND: { status: 404, retriable: false },
  MODEL_NOT_FOUND: { status: 404, retriable: false },
  METHOD_NOT_ALLOWED: { status: 405, retriable: false },
  CONFLICT: { status: 409, retriable: false },
  STALE_TERM: { status: 409, retriable: false },
  CONTENT_EXPIRED: { status: 410, retriable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retriable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retriable: false },
  NOT_LEADER: { status: 421, retriable: true },
  REQUEST_UNSAFE: { status: 422, retriable: false },
  QUEUE_FULL: { status: 429, retriable: true },
  RATE_LIMITED: { status: 429, retriable: true },
  HEADERS_TOO_LARGE: { status: 431, retriable: false },
  CANCELLED: { status: 499, retriable: false },
  INTERNAL: { status: 500, retriable: false },
  NOT_IMPLEMENTED: { status: 501, retriable: false },
  POOL_UNAVAILABLE: { status: 503, retriable: true },
  INSUFFICIENT_MEMORY: { status: 503, retriable: true },
  WORKER_START_FAILED: { status: 503, retriable: true },
  WORKER_LOST: { status: 503, retriable: true },
  NOT_READY: { status: 503, retriable: true },
  DEADLINE_UNMET: { status: 504, retriable: false },
  QUEUE_TIMEOUT: { status: 504, retriable: true },
  TIMEOUT: { status: 504, retriable: true },
} as const satisfies Record<string, CodeFacts>;

/** An error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** One wrong field of a request or a config file. */
export interface FieldError {
  /** Dotted path of the field, e.g. `messages.0.role`. */
  readonly field: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/** Options of {@linkcode LlorchError}. */
export interface LlorchErrorOptions {
  /** The error that caused this one; logged, never sent. */
  readonly cause?: unknown;
  /** Machine-readable facts for the caller: wrong fields, candidates, figures. */
  readonly details?: Record<string, unknown>;
  /** When the caller should try again, in milliseconds; also sent as `Retry-After`. */
  readonly retryAfterMs?: number;
  /** Overrides {@linkcode ERROR_CODES}, for a code that is retriable only sometimes. */
  readonly retriable?: boolean;
}

/**
 * An error whose message is meant for the caller: what failed, the value, what to do.
 *
 * @example
 * ```ts
 * throw new LlorchError("NOT_FOUND", `Cannot find job "${id}"`);
 * ```
 */
export class LlorchError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterMs: number | undefined;
  readonly retriable: boolean;

  constructor(code: ErrorCode, message: string, options: LlorchErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "LlorchError";
    this.code = code;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
    this.retriable = options.retriable ?? ERROR_CODES[code].retriable;
  }

  /** The HTTP status of this error before the first byte of a reply. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}

/** Longest path of a field in a message, in characters; a schema's may have hundreds of parts. */
const MAX_PATH = 200;

/** The first and last parts of a path that is long. */
function shortPath(field: string): string {
  if (field.length <= MAX_PATH) return field;
  const half = MAX_PATH / 2;
  const first = field.slice(0, half).replace(/\.[^.]*$/, "");
  const last = field.slice(-half).replace(/^[^.]*\./, "");
  return `${first}.….${last}`;
}

/** An `INVALID_REQUEST` that lists every wrong field; long paths are whole only in its details. */
export function invalidRequest(errors: readonly FieldError[]): LlorchError {
  const texts = errors.map(({ field, message }) =>
    field ? `${shortPath(field)}: ${message}` : message
  );
  return new LlorchError("INVALID_REQUEST", `Cannot accept the request: ${texts.join("; ")}`, {
    details: { errors: [...errors] },
  });
}

/**
 * Converts anything thrown to a {@linkcode LlorchError}. Other errors become `INTERNAL` with a
 * message without details; the original is the `cause`, for the log.
 */
export function toLlorchError(error: unknown): LlorchError {
  if (error instanceof LlorchError) return error;
  return new LlorchError("INTERNAL", "Internal error; the daemon's log has the cause", {
    cause: error,
  });
}

/** The message of anything thrown, for logs and local error lines. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
