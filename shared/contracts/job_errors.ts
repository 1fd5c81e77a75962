/** Codes with which a job may end before the first byte of its reply. */
export const JOB_ERRORS = [
  "MODEL_NOT_FOUND",
  "CONTEXT_LENGTH_EXCEEDED",
  "QUEUE_FULL",
  "POOL_UNAVAILABLE",
  "INSUFFICIENT_MEMORY",
  "WORKER_START_FAILED",
  "WORKER_LOST",
  "REQUEST_UNSAFE",
  "QUEUE_TIMEOUT",
  "DEADLINE_UNMET",
  "NOT_READY",
  "CANCELLED",
] as const;

/** The same where an idempotency key may be given. */
export const KEYED_JOB_ERRORS = [...JOB_ERRORS, "CONFLICT", "CONTENT_EXPIRED"] as const;
