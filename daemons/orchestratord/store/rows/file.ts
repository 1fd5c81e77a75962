import type { FileRow, ListedFile } from "../file_store.ts";
import { number, type Row } from "./row.ts";

export function toFile(row: Row): ListedFile {
  return {
    seq: Number(row["seq"]),
    id: String(row["file_id"]),
    tenant: String(row["tenant"]),
    name: String(row["name"]),
    purpose: row["purpose"] as FileRow["purpose"],
    bytes: Number(row["bytes"]),
    parts: Number(row["parts"]),
    lines: Number(row["lines"]),
    createdAt: Number(row["created_at"]),
    usedAt: Number(row["used_at"]),
    expiresAt: number(row, "expires_at"),
  };
}
