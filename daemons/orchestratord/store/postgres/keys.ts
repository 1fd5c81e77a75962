import type { KeyStore } from "../key_store.ts";
import { NEW_KEY_COLUMNS, newKeyValues, toKey } from "../rows/key.ts";
import type { Appender } from "./appender.ts";
import { type Database, places } from "./database.ts";

/** The {@linkcode KeyStore}. Reads do not wait for pending writes: every request makes one. */
export function postgresKeys(database: Database, appender: Appender): KeyStore {
  const { pool } = database;
  return {
    add: (key) =>
      database.insert(
        `INSERT INTO api_keys (${NEW_KEY_COLUMNS.join(", ")}) VALUES (${places(NEW_KEY_COLUMNS)})`,
        newKeyValues(key),
      ),
    async get(keyId) {
      const { rows: [row] } = await pool.read(
        "SELECT * FROM api_keys WHERE key_id = $1",
        [keyId],
        "key",
      );
      return row && toKey(row);
    },
    async list() {
      const { rows } = await pool.read("SELECT * FROM api_keys ORDER BY created_at DESC, key_id");
      return rows.map(toKey);
    },
    revoke: (keyId, at) =>
      database.run(
        "UPDATE api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL",
        [keyId, at],
      ),
    touch: (keyId, at) =>
      database.run("UPDATE api_keys SET last_used_at = $2 WHERE key_id = $1", [keyId, at]),
    addTokens: (charge) => appender.charge(charge),
    async tokensOn(keyId, day) {
      const { rows: [row] } = await pool.read(
        "SELECT tokens FROM key_tokens WHERE key_id = $1 AND day = $2",
        [keyId, day],
        "tokens",
      );
      return Number(row?.["tokens"] ?? 0);
    },
  };
}
