import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createLogger } from "#shared/logging.ts";
import { configSchema, databasePath } from "../config.ts";
import { Orchestratord } from "../daemon.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import { numbers, range, withHarness } from "../testing/harness.ts";
import { storedBatch } from "../testing/batch_cases.ts";
import { addFile } from "../testing/file_cases.ts";
import { storedResponse } from "../testing/response_cases.ts";
import { backup, copyDatabase } from "./backup.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

Deno.test("backup copies a database in use, and the copy is what a start goes on from", async () => {
  const state = await Deno.makeTempDir();
  const other = await Deno.makeTempDir();
  try {
    await withHarness({ state_dir: state }, async ({ client, events, pool }) => {
      await events(task);
      pool.only().allow(2);
      const { job_id } = await client.call(routes.submit, { body: task });
      const response = storedResponse("r1", { usedAt: Date.now() });
      const inUse = openSqliteStore(databasePath(state));
      await inUse.responses.add(response);
      await addFile(inUse.files, "f1", { createdAt: Date.now() });
      await inUse.batches.add(storedBatch("b1", { endedAt: Date.now() }));
      await inUse.close();
      const copy = databasePath(other);
      const { jobs } = await copyDatabase(databasePath(state), copy);
      assert.equal(jobs, 2);
      assert.equal((await Deno.stat(copy)).mode! & 0o777, 0o600);
      pool.only().allow(Infinity);
      assert.deepEqual(numbers(await events(job_id)), range(8, 5));

      // The copy has the job as it was then, the response, the file, the batch, and the pool, whose state can be read.
      const config = configSchema.parse({ port: 0, tick_ms: 20, state_dir: other });
      const again = await Orchestratord.open(config, { log: createLogger("test") });
      await again.close();
      const store = openSqliteStore(copy);
      assert.ok((await store.unfinished()).every((row) => row.jobId === job_id));
      assert.equal((await store.pools()).length, 1);
      assert.deepEqual(await store.responses.get("r1"), response);
      assert.deepEqual(await store.files.read("f1", 1), Uint8Array.of(4, 5));
      assert.equal((await store.batches.get("b1"))?.inputFileId, "f");
      await store.close();
    });
  } finally {
    await Deno.remove(state, { recursive: true });
    await Deno.remove(other, { recursive: true });
  }
});

Deno.test("backup says what to do when it cannot", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const config = configSchema.parse({ state_dir: dir });
    await assert.rejects(backup([], config), { message: /^Give one file: / });
    await assert.rejects(backup([join(dir, "copy")], config), {
      message: /^Cannot find the database .*orchestrator\.db: name its folder with --state-dir/,
    });
    await openSqliteStore(databasePath(dir)).close();
    await assert.rejects(backup([databasePath(dir)], config), {
      message: /exists; choose another/,
    });
    await assert.rejects(backup([join(dir, "no/such/copy")], config), {
      message: /^Cannot copy .*; make the folder .*\/no\/such or choose another$/,
    });
    await assert.rejects(backup([join(dir, "x".repeat(300))], config), {
      message: /^Cannot copy .*; make room in .* or choose another$/,
    });
    for await (const { name } of Deno.readDir(dir)) assert.ok(!name.endsWith("incomplete"), name);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
