import type { SessionRow } from "../session_store.ts";
import type { Row } from "./row.ts";

/** The session in a row. */
export function toSession(row: Row): SessionRow {
  return {
    secretSha256: String(row["secret_sha256"]),
    keyId: row["key_id"] === null ? undefined : String(row["key_id"]),
    endsAt: Number(row["ends_at"]),
  };
}
