import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { type Charge, KEPT_DAYS, type KeyStore } from "../key_store.ts";
import { NEW_KEY_COLUMNS, newKeyValues, toKey } from "../rows/key.ts";

/**
 * The {@linkcode KeyStore} in the tables of the job store. Reads do not flush pending writes: every request
 * makes one, which would break up the transactions that many writes share.
 */
export function sqliteKeys(db: DatabaseSync, committer: Committer): KeyStore {
  const select = db.prepare("SELECT * FROM api_keys WHERE key_id = ?");
  const selectAll = db.prepare("SELECT * FROM api_keys ORDER BY created_at DESC, key_id");
  const selectTokens = db.prepare("SELECT tokens FROM key_tokens WHERE key_id = ? AND day = ?");
  const charge = charging(db);
  return {
    add: (key) =>
      committer.write(() => {
        db.prepare(`
          INSERT INTO api_keys (${NEW_KEY_COLUMNS.join(", ")})
          VALUES (${NEW_KEY_COLUMNS.map(() => "?").join(", ")})`).run(...newKeyValues(key));
      }),
    get(keyId) {
      const row = select.get(keyId);
      return Promise.resolve(row && toKey(row));
    },
    list: () => Promise.resolve(selectAll.all().map(toKey)),
    revoke: (keyId, at) =>
      committer.write(() => {
        db.prepare("UPDATE api_keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL")
          .run(at, keyId);
      }),
    touch: (keyId, at) =>
      committer.write(() => {
        db.prepare("UPDATE api_keys SET last_used_at = ? WHERE key_id = ?").run(at, keyId);
      }),
    addTokens: (charged) => committer.keep(() => charge(charged)),
    tokensOn(keyId, day) {
      return Promise.resolve(Number(selectTokens.get(keyId, day)?.["tokens"] ?? 0));
    },
  };
}

/** Counts tokens, as a part of a write. */
export function charging(db: DatabaseSync): (charge: Charge) => void {
  const upsert = db.prepare(`
    INSERT INTO key_tokens (key_id, day, tokens)
    SELECT key_id, ?, ? FROM api_keys WHERE key_id = ?
    ON CONFLICT (key_id, day) DO UPDATE SET tokens = tokens + excluded.tokens`);
  const forget = db.prepare("DELETE FROM key_tokens WHERE key_id = ? AND day < ?");
  return ({ keyId, day, tokens }) => {
    upsert.run(day, tokens, keyId);
    forget.run(keyId, day - KEPT_DAYS);
  };
}
