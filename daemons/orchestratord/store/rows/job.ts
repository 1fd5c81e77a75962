import { EXACT_FIELDS, taskRequest } from "#shared/contracts/mod.ts";
import { parseExactJson } from "#shared/exact_json.ts";
import type { JobPatch, JobRow, NewJobRow, NumberedEvent } from "../job_store.ts";
import { json, number, type Row, text, type Value } from "./row.ts";

/** `content_expires_at` of a job whose content counts as erased, and is by the next sweep. */
export const ERASED = 0;

/** All columns but the request, which may be long: parsing it for each row would be most of a list's cost. */
export const LISTED = "seq, job_id, body_sha256, model, fingerprint, priority, detached, " +
  "idempotency_key, seed, status, created_at, deadline_at, tenant, started_at, first_token_at, " +
  "ended_at, attempts, usage, stop_reason, error";

/** Columns that a patch may set. */
export const PATCH_COLUMNS: Readonly<Record<keyof JobPatch, string>> = {
  status: "status",
  fingerprint: "fingerprint",
  startedAt: "started_at",
  firstTokenAt: "first_token_at",
  endedAt: "ended_at",
  attempts: "attempts",
  usage: "usage",
  stopReason: "stop_reason",
  error: "error",
  contentExpiresAt: "content_expires_at",
};

/** Columns of a new job, as {@linkcode newJobValues} returns them. */
export const NEW_JOB_COLUMNS = [
  ...["job_id", "idempotency_key", "body_sha256", "request", "model", "fingerprint", "priority"],
  ...["detached", "seed", "created_at", "deadline_at", "tenant", "call"],
] as const;

/** Values of a new job, in the order of {@linkcode NEW_JOB_COLUMNS}. */
export function newJobValues(job: NewJobRow): Value[] {
  return [
    job.jobId,
    job.idempotencyKey ?? null,
    job.bodySha256,
    JSON.stringify(job.request),
    job.request.model,
    job.fingerprint,
    job.request.priority,
    Number(job.request.detached),
    job.seed,
    job.createdAt,
    job.deadlineAt ?? null,
    job.tenant,
    job.call === undefined ? null : JSON.stringify(job.call),
  ];
}

export function toJob(row: Row): JobRow {
  // An unfinished job needs its request until it is cancelled.
  const isErased = row["content_expires_at"] === ERASED && row["ended_at"] !== null;
  const asked = isErased ? null : row["request"];
  const request = typeof asked === "string" ? parseExactJson(asked, EXACT_FIELDS) : undefined;
  return {
    seq: Number(row["seq"]),
    jobId: String(row["job_id"]),
    bodySha256: String(row["body_sha256"]),
    request: request === undefined ? undefined : taskRequest.parse(request),
    call: isErased ? undefined : json(row, "call"),
    model: String(row["model"]),
    fingerprint: String(row["fingerprint"]),
    priority: row["priority"] as JobRow["priority"],
    detached: row["detached"] === 1,
    keyed: row["idempotency_key"] !== null,
    seed: Number(row["seed"]),
    status: row["status"] as JobRow["status"],
    createdAt: Number(row["created_at"]),
    deadlineAt: number(row, "deadline_at"),
    tenant: String(row["tenant"]),
    startedAt: number(row, "started_at"),
    firstTokenAt: number(row, "first_token_at"),
    endedAt: number(row, "ended_at"),
    attempts: json(row, "attempts") ?? [],
    usage: json(row, "usage"),
    stopReason: text(row, "stop_reason") as JobRow["stopReason"],
    error: json(row, "error"),
  };
}

export function toEvent(row: Row): NumberedEvent {
  return {
    id: Number(row["id"]),
    event: { event: row["event"], data: JSON.parse(String(row["data"])) } as NumberedEvent["event"],
  };
}
