import assert from "node:assert/strict";
import { sharedPostgres } from "../../testing/postgres_home.ts";
import { accept } from "../../testing/stored_jobs.ts";
import { migrate, MIGRATIONS, versionOf } from "./migrate.ts";

const postgres = sharedPostgres();

for (const version of MIGRATIONS.keys()) {
  postgres.test(`a schema of version ${version + 1} keeps its jobs`, async (home) => {
    const session = await home.session();
    await session.query(`CREATE SCHEMA ${home.schema}`);
    await session.query("CREATE TABLE schema_version (version int NOT NULL)");
    for (const sql of MIGRATIONS.slice(0, version + 1)) await session.query(sql);
    await session.query("INSERT INTO schema_version VALUES ($1)", [version + 1]);
    await session.query(
      `INSERT INTO jobs (job_id, body_sha256, request, model, fingerprint, priority, detached, seed,
          status, created_at)
        VALUES ('j0', 'x', '{"model":"m","prompt":"p"}', 'm', 'f', 'batch', 1, 7, 'queued', 1000)`,
    );
    const store = await home.open();
    await store.begin();
    assert.deepEqual((await store.unfinished()).map(({ jobId }) => jobId), ["j0"]);
    await accept(store, "j1");
    assert.equal(await versionOf(session, home.schema), MIGRATIONS.length);
    await store.close();
    await session.close();
  });
}

postgres.test("a schema that the next release has made is used as it is, a still newer one is not", async (home) => {
  const session = await home.session();
  await migrate(session, home.schema);
  await session.query("UPDATE schema_version SET version = $1", [MIGRATIONS.length + 1]);
  const store = await home.open();
  await store.begin();
  await accept(store, "j1");
  await store.close();
  assert.equal(await versionOf(session, home.schema), MIGRATIONS.length + 1);
  await session.query("UPDATE schema_version SET version = $1", [MIGRATIONS.length + 2]);
  await assert.rejects(home.open(), /install the newer program again/);
  await session.close();
});
