import type { Members } from "../job_store.ts";
import type { Database } from "./database.ts";

/** The orchestrators on this database, as it knows them now. */
export async function membersOf({ pool }: Database): Promise<Members> {
  const ms = (column: string) => `extract(epoch FROM ${column} - clock_timestamp()) * 1000`;
  // Before the first leader, its lease ended infinitely long ago.
  // Not behind writes that wait: it is asked most when they do.
  const { rows } = await pool.read(
    `SELECT leader.term, leader.incarnation AS leader, ${
      ms("greatest(leader.expires_at, 'epoch')")
    } AS lease_ms,
        replicas.*, ${ms("replicas.expires_at")} AS left_ms
      FROM leader LEFT JOIN replicas ON true ORDER BY replica_id`,
  );
  const [first] = rows;
  return {
    term: Number(first!["term"]),
    leader: first!["leader"] === null ? undefined : Number(first!["leader"]),
    leaseLeftMs: Math.round(Number(first!["lease_ms"])),
    replicas: rows.filter((row) => row["replica_id"] !== null).map((row) => ({
      replicaId: String(row["replica_id"]),
      start: Number(row["incarnation"]),
      url: String(row["url"]),
      version: String(row["version"]),
      policySha256: row["policy_sha256"] === null ? undefined : String(row["policy_sha256"]),
      // Absent where the tables are of a version before it.
      heldSlots: new Map(JSON.parse(String(row["held_slots"] ?? "[]"))),
      leftMs: Math.round(Number(row["left_ms"])),
    })),
  };
}
