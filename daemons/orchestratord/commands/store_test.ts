import assert from "node:assert/strict";
import { join } from "node:path";
import { openExistingStore } from "../open_store.ts";
import { configSchema, databasePath } from "../config.ts";
import type { Store } from "../store/job_store.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import { storedBatch } from "../testing/batch_cases.ts";
import { addFile, newFile } from "../testing/file_cases.ts";
import { imageOf } from "../testing/image_cases.ts";
import { sharedPostgres } from "../testing/postgres_home.ts";
import { runningResponse, storedResponse } from "../testing/response_cases.ts";
import { accept, token } from "../testing/stored_jobs.ts";
import { backup } from "./backup.ts";
import { keys } from "./keys.ts";
import { store as storeCommand } from "./store.ts";

const postgres = sharedPostgres();

/** Stores one or more of everything. */
async function fill(store: Store): Promise<void> {
  await store.begin();
  await store.keys.add({
    ...{
      keyId: "k",
      name: "né 😀",
      role: "client",
      secretSha256: "0",
      limits: { tokens_per_day: 5 },
    },
    ...{ createdAt: 1, expiresAt: 9, revokedAt: undefined, lastUsedAt: undefined },
  });
  await store.keys.addTokens({ keyId: "k", day: 3, tokens: 7 });
  await store.savePool({ poolId: "p", endpoint: "http://h:1", keyId: "k" });
  await store.saveDrain({ poolId: "p", endsAt: 5 });
  await store.savePin({ fingerprint: "f", poolId: "p", device: undefined, model: "m" });
  const call = { kind: "embed", input: ['{"\\",\\', [1, 2]] } as const;
  await accept(store, "j1", { key: "key", tenant: "k" });
  await accept(store, "j2", { call });
  await accept(store, "gone");
  await store.remove("gone");
  await store.append("j1", () => ({
    events: [token(2), token(3)],
    patch: { status: "running", startedAt: 2000, attempts: [] },
  }));
  await store.update("j2", { status: "completed", endedAt: 3000, contentExpiresAt: 1e12 });
  await store.responses.add(storedResponse("r1", { response: '{"status":"failed"}' }));
  await store.responses.add(runningResponse("r2"));
  await addFile(store.files, "f1", { tenant: "k" });
  await store.files.begin(newFile("unfinished"));
  await store.batches.add(storedBatch("b1"));
  await store.batches.addResult("b1", { line: 4, isError: true, result: "{}" });
  (await store.images.keep("j1", [imageOf(1, 700_000)]))();
}

/** Everything that {@linkcode fill} stored. */
async function contents(store: Store): Promise<unknown> {
  const rows = await store.page({ limit: 9 });
  return {
    keys: [await store.keys.list(), await store.keys.tokensOn("k", 3)],
    fleet: [await store.pools(), await store.drains(), await store.pins()],
    rows,
    jobs: [await store.get("j1"), await store.get("j2"), await store.findByKey("key")],
    events: await store.events("j1", 0, 9),
    responses: [await store.responses.page({ limit: 9 }), await store.responses.unfinished()],
    files: [await store.files.page({ limit: 9 }), await store.files.read("f1", 1)],
    batches: [await store.batches.unfinished(), await store.batches.nextResult("b1", 0)],
    image: await store.images.get(imageOf(1).sha256),
  };
}

postgres.test("store copy brings everything into PostgreSQL and back", async (home) => {
  const dir = await Deno.makeTempDir();
  try {
    const sqlite = openSqliteStore(databasePath(dir));
    await fill(sqlite);
    const before = await contents(sqlite);
    const started = await sqlite.begin();
    await sqlite.close();

    const url = home.server.url(home.schema);
    const config = configSchema.parse({ state_dir: dir });
    await storeCommand(["copy"], config, { to: url });
    const copy = await home.open();
    assert.deepEqual(await contents(copy), before);
    assert.ok(await copy.begin() > started, "starts go on being counted");
    assert.deepEqual((await copy.unfinished()).map(({ jobId }) => jobId), ["j1"]);
    await accept(copy, "j3");
    const [newest, , oldest] = await copy.page({ limit: 3 });
    assert.ok(newest!.jobId === "j3" && newest!.seq > oldest!.seq + 1, "as do jobs");
    await copy.remove("j3");
    const back = join(dir, "back.db");
    await assert.rejects(storeCommand(["copy", back], config, { from: url }), /is in use/);
    await copy.close();

    await storeCommand(["copy", back], config, { from: url });
    const again = openSqliteStore(back);
    assert.deepEqual(await contents(again), before);
    assert.ok(await again.begin() > started);
    await again.close();
    const left = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
    assert.deepEqual(left.sort(), ["back.db", "lock", "orchestrator.db.copied"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

postgres.test("store copy refuses a target that is not empty, and leaves both as they were", async (home) => {
  const dir = await Deno.makeTempDir();
  try {
    const target = await home.open();
    await target.savePool({ poolId: "p", endpoint: "http://h:1", keyId: undefined });
    await target.close();
    await openSqliteStore(databasePath(dir)).close();
    const [config, url] = [configSchema.parse({ state_dir: dir }), home.server.url(home.schema)];
    await assert.rejects(storeCommand(["copy"], config, { to: url }), /pools is not empty/);
    await assert.rejects(
      storeCommand(["copy", databasePath(dir)], config, { from: url }),
      /it exists/,
    );
    const none = url.replace(home.schema, `${home.schema}_none`);
    const file = join(dir, "back.db");
    await assert.rejects(storeCommand(["copy", file], config, { from: none }), (error: Error) => {
      assert.match(`${error}`, /^UsageError: Cannot copy the schema ".*_none": it has no tables/);
      return true;
    });
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).filter((name) =>
        name.startsWith("back.db")
      ),
      [],
    );
    await assert.rejects(storeCommand(["copy"], config, {}), /^UsageError: The command is missing/);
    await assert.rejects(
      storeCommand(["copy"], config, { to: "mysql://h/d" }),
      /--to: must be postgres/,
    );
    await openSqliteStore(databasePath(dir)).close();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

postgres.test("keys work on PostgreSQL, and backup says what to use instead", async (home) => {
  const config = configSchema.parse({ store: { url: home.server.url(home.schema) } });
  await keys(["create", "alice"], config, {});
  const store = await openExistingStore(config);
  const [key] = await store.keys.list();
  assert.equal(key?.name, "alice");
  await keys(["revoke", key!.keyId], config, {});
  assert.notEqual((await store.keys.get(key!.keyId))?.revokedAt, undefined);
  await store.close();
  await assert.rejects(backup(["copy"], config), /use pg_dump/);
});
