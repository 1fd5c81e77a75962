import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import type { JobStore } from "../job_store.ts";
import { toPin } from "../rows/fleet.ts";

/** The pins of a {@linkcode JobStore}. */
export function sqlitePins(
  db: DatabaseSync,
  committer: Committer,
): Pick<JobStore, "savePin" | "removePin" | "pins"> {
  return {
    savePin: ({ fingerprint, poolId = "", device = "", model }) =>
      committer.write((db) => {
        db.prepare(
          "INSERT OR REPLACE INTO pins (fingerprint, pool_id, device, model) VALUES (?, ?, ?, ?)",
        ).run(fingerprint, poolId, device, model);
      }),
    removePin: ({ fingerprint, poolId = "", device = "" }) =>
      committer.write((db) => {
        db.prepare("DELETE FROM pins WHERE fingerprint = ? AND pool_id = ? AND device = ?")
          .run(fingerprint, poolId, device);
      }),
    pins() {
      committer.flush();
      return Promise.resolve(
        db.prepare("SELECT * FROM pins").all().map(toPin),
      );
    },
  };
}
