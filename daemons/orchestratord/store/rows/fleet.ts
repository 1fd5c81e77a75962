import type { Pin } from "../../scheduler/state.ts";
import type { DrainRow, PoolRow } from "../job_store.ts";
import { type Row, text } from "./row.ts";

export function toPool(row: Row): PoolRow {
  return {
    poolId: String(row["pool_id"]),
    endpoint: String(row["endpoint"]),
    keyId: text(row, "key_id"),
  };
}

export function toDrain(row: Row): DrainRow {
  return { poolId: String(row["pool_id"]), endsAt: Number(row["ends_at"]) };
}

export function toPin(row: Row): Pin {
  return {
    fingerprint: String(row["fingerprint"]),
    poolId: String(row["pool_id"]) || undefined,
    device: String(row["device"]) || undefined,
    model: String(row["model"]),
  };
}
