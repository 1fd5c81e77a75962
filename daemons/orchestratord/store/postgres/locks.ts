import { createHash } from "node:crypto";

/** What an advisory lock is for. */
export type LockKind = "migration" | "images" | "replica" | "leader";

/**
 * The number of an advisory lock. PostgreSQL's advisory locks are of the whole database: the schema keeps
 * those of two installations in one database apart.
 *
 * @param number Which one of its kind.
 * @returns the bigint in decimal
 */
export function lockKey(schema: string, kind: LockKind, number = 0): string {
  const hash = createHash("sha256").update(`llorch ${schema} ${kind} ${number}`).digest();
  return hash.readBigInt64BE().toString();
}
