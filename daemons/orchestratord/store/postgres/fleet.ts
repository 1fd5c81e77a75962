import type { JobStore } from "../job_store.ts";
import { toDrain, toPin, toPool } from "../rows/fleet.ts";
import type { Database } from "./database.ts";

/** Pools, drains and pins. */
export function postgresFleet(
  database: Database,
): Pick<
  JobStore,
  | "savePool"
  | "removePool"
  | "pools"
  | "saveDrain"
  | "removeDrain"
  | "drains"
  | "savePin"
  | "removePin"
  | "pins"
> {
  return {
    savePool: ({ poolId, endpoint, keyId }) =>
      database.run(
        `INSERT INTO pools (pool_id, endpoint, key_id) VALUES ($1, $2, $3)
          ON CONFLICT (pool_id) DO UPDATE SET endpoint = $2, key_id = $3`,
        [poolId, endpoint, keyId ?? null],
      ),
    removePool: (poolId) => database.run("DELETE FROM pools WHERE pool_id = $1", [poolId]),
    pools: async () => (await database.rows("SELECT * FROM pools ORDER BY pool_id")).map(toPool),
    saveDrain: ({ poolId, endsAt }) =>
      database.run(
        `INSERT INTO drains (pool_id, ends_at) VALUES ($1, $2)
          ON CONFLICT (pool_id) DO UPDATE SET ends_at = $2`,
        [poolId, endsAt],
      ),
    removeDrain: (poolId) => database.run("DELETE FROM drains WHERE pool_id = $1", [poolId]),
    drains: async () => (await database.rows("SELECT * FROM drains ORDER BY pool_id")).map(toDrain),
    savePin: ({ fingerprint, poolId = "", device = "", model }) =>
      database.run(
        `INSERT INTO pins (fingerprint, pool_id, device, model) VALUES ($1, $2, $3, $4)
          ON CONFLICT (fingerprint, pool_id, device) DO UPDATE SET model = $4`,
        [fingerprint, poolId, device, model],
      ),
    removePin: ({ fingerprint, poolId = "", device = "" }) =>
      database.run(
        "DELETE FROM pins WHERE fingerprint = $1 AND pool_id = $2 AND device = $3",
        [fingerprint, poolId, device],
      ),
    pins: async () => (await database.rows("SELECT * FROM pins")).map(toPin),
  };
}
