import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { toSession } from "../rows/session.ts";
import type { SessionStore } from "../session_store.ts";

/** The {@linkcode SessionStore} of a SQLite file. */
export function sqliteSessions(db: DatabaseSync, committer: Committer): SessionStore {
  return {
    add: ({ secretSha256, keyId, endsAt }, now, most) =>
      committer.write((db) => {
        db.prepare("INSERT INTO sessions (secret_sha256, key_id, ends_at) VALUES (?, ?, ?)")
          .run(secretSha256, keyId ?? null, endsAt);
        db.prepare(
          `DELETE FROM sessions WHERE ends_at <= ?1 OR secret_sha256 IN
            (SELECT secret_sha256 FROM sessions ORDER BY ends_at DESC LIMIT -1 OFFSET ?2)`,
        ).run(now, most);
      }),
    get(secretSha256) {
      committer.flush();
      const row = db.prepare("SELECT * FROM sessions WHERE secret_sha256 = ?").get(secretSha256);
      return Promise.resolve(row && toSession(row));
    },
    remove: (secretSha256) =>
      committer.write((db) => {
        db.prepare("DELETE FROM sessions WHERE secret_sha256 = ?").run(secretSha256);
      }),
  };
}
