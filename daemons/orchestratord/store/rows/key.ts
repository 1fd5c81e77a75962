import { keyLimits, keyRole } from "#shared/contracts/mod.ts";
import type { KeyRow } from "../key_store.ts";
import { number, type Row, type Value } from "./row.ts";

/** Columns of a new key, as {@linkcode newKeyValues} returns them. */
export const NEW_KEY_COLUMNS = [
  ...["key_id", "name", "role", "secret_sha256", "limits", "created_at", "expires_at"],
  "revoked_at",
] as const;

/** Values of a new key, in the order of {@linkcode NEW_KEY_COLUMNS}. */
export function newKeyValues(key: KeyRow): Value[] {
  return [
    key.keyId,
    key.name,
    key.role,
    key.secretSha256,
    JSON.stringify(key.limits),
    key.createdAt,
    key.expiresAt ?? null,
    key.revokedAt ?? null,
  ];
}

export function toKey(row: Row): KeyRow {
  return {
    keyId: String(row["key_id"]),
    name: String(row["name"]),
    role: keyRole.parse(row["role"]),
    secretSha256: String(row["secret_sha256"]),
    limits: keyLimits.parse(JSON.parse(String(row["limits"]))),
    createdAt: Number(row["created_at"]),
    expiresAt: number(row, "expires_at"),
    revokedAt: number(row, "revoked_at"),
    lastUsedAt: number(row, "last_used_at"),
  };
}
