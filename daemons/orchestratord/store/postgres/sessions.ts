import { toSession } from "../rows/session.ts";
import type { SessionStore } from "../session_store.ts";
import type { Database } from "./database.ts";

/** The {@linkcode SessionStore} of a PostgreSQL database. */
export function postgresSessions(database: Database): SessionStore {
  return {
    async add({ secretSha256, keyId, endsAt }, now, most) {
      await database.insert(
        "INSERT INTO sessions (secret_sha256, key_id, ends_at) VALUES ($1, $2, $3)",
        [secretSha256, keyId ?? null, endsAt],
      );
      await database.run(
        `DELETE FROM sessions WHERE ends_at <= $1 OR secret_sha256 IN
          (SELECT secret_sha256 FROM sessions ORDER BY ends_at DESC OFFSET $2)`,
        [now, most],
      );
    },
    async get(secretSha256) {
      const row = await database.row(
        "SELECT * FROM sessions WHERE secret_sha256 = $1",
        [secretSha256],
        "session",
      );
      return row && toSession(row);
    },
    remove: (secretSha256) =>
      database.run("DELETE FROM sessions WHERE secret_sha256 = $1", [secretSha256]),
  };
}
