import { LlorchError } from "#shared/errors.ts";
import { lockKey } from "./locks.ts";
import migration0001 from "./migrations/0001.sql" with { type: "text" };
import migration0002 from "./migrations/0002.sql" with { type: "text" };
import migration0003 from "./migrations/0003.sql" with { type: "text" };
import { inTransaction } from "./pool.ts";
import type { Session } from "./session.ts";

/** SQL of each version of the schema, oldest first. */
export const MIGRATIONS: readonly string[] = [migration0001, migration0002, migration0003];

/**
 * The version of the tables in a schema; 0 without any. The next release may have made it: this program ignores
 * what a migration adds, and no longer uses what it removes. So orchestrators can be upgraded one by one.
 *
 * @throws {LlorchError} `INTERNAL` if a still newer program has made them
 */
export async function versionOf(session: Session, schema: string): Promise<number> {
  const { rows: [found] } = await session.query("SELECT to_regclass($1) IS NOT NULL AS is_there", [
    `${schema}.schema_version`,
  ]);
  if (!found!["is_there"]) return 0;
  const { rows: [row] } = await session.query("SELECT version FROM schema_version");
  const version = Number(row?.["version"] ?? 0);
  if (version <= MIGRATIONS.length + 1) return version;
  throw new LlorchError(
    "INTERNAL",
    `Cannot use the schema "${schema}": it has version ${version} and this program works with up to ` +
      `${MIGRATIONS.length + 1}; install the newer program again`,
  );
}

/** Brings a schema to the newest version; one program at a time. */
export async function migrate(session: Session, schema: string): Promise<void> {
  if (await versionOf(session, schema) >= MIGRATIONS.length) return;
  await inTransaction(session, async () => {
    await session.query("SELECT pg_advisory_xact_lock($1)", [lockKey(schema, "migration")]);
    const { rows: [found] } = await session.query("SELECT to_regnamespace($1) AS schema", [schema]);
    if (found!["schema"] === null) await session.query(`CREATE SCHEMA ${schema}`);
    const version = await versionOf(session, schema);
    if (version >= MIGRATIONS.length) return;
    if (version === 0) {
      await session.query("CREATE TABLE IF NOT EXISTS schema_version (version int NOT NULL)");
      await session.query("INSERT INTO schema_version VALUES (0)");
    }
    for (const sql of MIGRATIONS.slice(version)) await session.query(sql);
    await session.query("UPDATE schema_version SET version = $1", [MIGRATIONS.length]);
  });
}
