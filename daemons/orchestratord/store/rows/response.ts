import type { ListedResponse, ResponseBounds, ResponseRow } from "../response_store.ts";
import { number, type Row, text, type Value } from "./row.ts";

/** A response that may be removed. */
export interface Candidate {
  readonly seq: number;
  readonly bytes: number;
}

/** Values of a new response: those of the columns that its texts' sizes do not depend on, then both texts. */
export function newResponseValues(row: ResponseRow): Value[] {
  return [
    row.id,
    row.tenant,
    row.jobId ?? null,
    row.previousId ?? null,
    row.model,
    row.createdAt,
    row.endedAt ?? null,
    row.usedAt,
    row.request,
    row.response ?? null,
  ];
}

function toFacts(row: Row): Omit<ResponseRow, "request" | "response"> {
  return {
    id: String(row["response_id"]),
    tenant: String(row["tenant"]),
    jobId: text(row, "job_id"),
    previousId: text(row, "previous_id"),
    model: String(row["model"]),
    createdAt: Number(row["created_at"]),
    endedAt: number(row, "ended_at"),
    usedAt: Number(row["used_at"]),
  };
}

export function toResponse(row: Row): ResponseRow {
  return { ...toFacts(row), request: String(row["request"]), response: text(row, "response") };
}

export function toListedResponse(row: Row): ListedResponse {
  return { ...toFacts(row), bytes: Number(row["bytes"]), status: text(row, "status") };
}

export function toCandidate(row: Row): Candidate {
  return { seq: Number(row["seq"]), bytes: Number(row["bytes"]) };
}

export function toBounds(row: Row | undefined): ResponseBounds {
  return { count: Number(row?.["count"]), bytes: Number(row?.["bytes"]) };
}

/** The first responses, as many as must go so that `total` keeps to `most`. */
export function beyond(
  total: ResponseBounds,
  most: ResponseBounds,
  candidates: readonly Candidate[],
): readonly Candidate[] {
  let { count, bytes } = total;
  return candidates.filter((each) => {
    if (count <= most.count && bytes <= most.bytes) return false;
    count -= 1;
    bytes -= each.bytes;
    return true;
  });
}
