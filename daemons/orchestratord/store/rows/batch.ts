import type { BatchPatch, BatchRow, LineResult, ListedBatch } from "../batch_store.ts";
import { json, number, type Row, text, type Value } from "./row.ts";

/** Columns that a patch may set. */
export const PATCH_COLUMNS: Readonly<Record<keyof BatchPatch, string>> = {
  status: "status",
  inProgressAt: "in_progress_at",
  finalizingAt: "finalizing_at",
  cancellingAt: "cancelling_at",
  endedAt: "ended_at",
  failed: "failed",
  outputFileId: "output_file_id",
  errorFileId: "error_file_id",
  error: "error",
};

/** Columns of a new batch, as {@linkcode newBatchValues} returns them. */
export const NEW_BATCH_COLUMNS = [
  ...["batch_id", "tenant", "endpoint", "input_file_id", "status", "metadata", "output_ms"],
  ...["created_at", "expires_at", "in_progress_at", "finalizing_at", "cancelling_at", "ended_at"],
  ...["total", "completed", "failed", "output_file_id", "error_file_id", "error"],
] as const;

/** Values of a new batch, in the order of {@linkcode NEW_BATCH_COLUMNS}. */
export function newBatchValues(batch: BatchRow): Value[] {
  return [
    batch.id,
    batch.tenant,
    batch.endpoint,
    batch.inputFileId,
    batch.status,
    batch.metadata === undefined ? null : JSON.stringify(batch.metadata),
    batch.outputMs ?? null,
    batch.createdAt,
    batch.expiresAt,
    batch.inProgressAt ?? null,
    batch.finalizingAt ?? null,
    batch.cancellingAt ?? null,
    batch.endedAt ?? null,
    batch.total,
    batch.completed,
    batch.failed,
    batch.outputFileId ?? null,
    batch.errorFileId ?? null,
    batch.error === undefined ? null : JSON.stringify(batch.error),
  ];
}

export function toBatch(row: Row): ListedBatch {
  return {
    seq: Number(row["seq"]),
    id: String(row["batch_id"]),
    tenant: String(row["tenant"]),
    endpoint: String(row["endpoint"]),
    inputFileId: String(row["input_file_id"]),
    status: row["status"] as BatchRow["status"],
    metadata: json(row, "metadata"),
    outputMs: number(row, "output_ms"),
    createdAt: Number(row["created_at"]),
    expiresAt: Number(row["expires_at"]),
    inProgressAt: number(row, "in_progress_at"),
    finalizingAt: number(row, "finalizing_at"),
    cancellingAt: number(row, "cancelling_at"),
    endedAt: number(row, "ended_at"),
    total: Number(row["total"]),
    completed: Number(row["completed"]),
    failed: Number(row["failed"]),
    outputFileId: text(row, "output_file_id"),
    errorFileId: text(row, "error_file_id"),
    error: json(row, "error"),
  };
}

export function toResult(row: Row): LineResult {
  return {
    line: Number(row["line"]),
    isError: row["is_error"] === 1,
    result: String(row["result"]),
  };
}
