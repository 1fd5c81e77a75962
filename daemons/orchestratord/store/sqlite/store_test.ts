import assert from "node:assert/strict";
import { join } from "node:path";
import { taskRequest } from "#shared/contracts/mod.ts";
import type { JobStore, NumberedEvent } from "../job_store.ts";
import { openSqliteStore } from "./store.ts";

async function withStore(test: (store: JobStore, path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "orchestrator.db");
  const store = openSqliteStore(path);
  try {
    await test(store, path);
  } finally {
    await store.close();
    await Deno.remove(dir, { recursive: true });
  }
}

const token = (id: number): NumberedEvent => ({
  id,
  event: { event: "token", data: { t: `w${id} `, i: id - 2, ids: [id] } },
});

function accept(store: JobStore, jobId: string, key?: string): Promise<void> {
  return store.accept({
    jobId,
    idempotencyKey: key,
    bodySha256: "x",
    request: taskRequest.parse({ model: "m", prompt: "secret words" }),
    fingerprint: "f",
    tenant: "",
    seed: 1,
    createdAt: 1000,
    deadlineAt: undefined,
  }, {
    id: 1,
    event: { event: "queued", data: { job_id: jobId, queue_position: 0, predicted_start_ms: 0 } },
  });
}

Deno.test("openSqliteStore() gives back what was written, in order", async () => {
  await withStore(async (store) => {
    await accept(store, "j1");
    await store.append("j1", () => ({
      events: [token(2), token(3)],
      patch: { status: "running", startedAt: 2000 },
    }));
    const row = await store.get("j1");
    assert.equal(row?.status, "running");
    assert.equal(row?.startedAt, 2000);
    assert.equal(row?.request?.prompt, "secret words");
    const events = await store.events("j1", 1, 10);
    assert.deepEqual(events.map((each) => each.id), [2, 3]);
    assert.deepEqual(events[0]?.event, token(2).event);
    await store.sync();
  });
});

Deno.test("openSqliteStore() keeps everything across a reopening", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "x.db");
  const first = openSqliteStore(path);
  await accept(first, "j1", "key");
  await first.savePool({ poolId: "p", endpoint: "http://h:1", keyId: undefined });
  await first.close();
  const second = openSqliteStore(path);
  assert.deepEqual((await second.unfinished()).map((row) => row.jobId), ["j1"]);
  assert.equal((await second.findByKey("key"))?.keyed, true);
  assert.deepEqual(await second.pools(), [{
    poolId: "p",
    endpoint: "http://h:1",
    keyId: undefined,
  }]);
  await second.close();
  await Deno.remove(dir, { recursive: true });
});

Deno.test("openSqliteStore() makes a database that only its owner can read", async () => {
  await withStore(async (store, path) => {
    await accept(store, "j1");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
});

Deno.test("a write that fails fails alone in its turn", async () => {
  await withStore(async (store) => {
    await accept(store, "j1", "key");
    const [first, second] = await Promise.allSettled([
      accept(store, "j2", "key"),
      accept(store, "j3"),
    ]);
    assert.equal(first.status, "rejected");
    assert.equal(second.status, "fulfilled");
    assert.equal(await store.get("j2"), undefined);
    assert.equal((await store.get("j3"))?.jobId, "j3");
  });
});

Deno.test("page() shows the newest first and filters", async () => {
  await withStore(async (store) => {
    for (const id of ["j1", "j2", "j3"]) await accept(store, id);
    await store.update("j2", { status: "completed", endedAt: 5 });
    const page = await store.page({ limit: 2 });
    assert.deepEqual(page.map((row) => row.jobId), ["j3", "j2"]);
    const rest = await store.page({ limit: 2, before: page.at(-1)!.seq });
    assert.deepEqual(rest.map((row) => row.jobId), ["j1"]);
    const done = await store.page({ limit: 9, status: "completed" });
    assert.deepEqual(done.map((row) => row.jobId), ["j2"]);
  });
});

Deno.test("expire() erases prompt and output from the files, and forgets old jobs", async () => {
  await withStore(async (store, path) => {
    await accept(store, "j1");
    await store.append("j1", () => ({
      events: [token(2)],
      patch: { status: "completed", endedAt: 3000, contentExpiresAt: 4000 },
    }));
    assert.deepEqual(await store.expire(3999, 0), { erased: 0, forgotten: 0 });
    assert.deepEqual(await store.expire(4000, 0), { erased: 1, forgotten: 0 });
    assert.equal((await store.get("j1"))?.request, undefined);
    assert.deepEqual(await store.events("j1", 0, 10), []);
    for (const file of [path, `${path}-wal`]) {
      assert.ok(!(await Deno.readTextFile(file)).includes("secret words"), file);
    }
    assert.deepEqual(await store.expire(5000, 3001), { erased: 0, forgotten: 1 });
    assert.equal(await store.get("j1"), undefined);
  });
});
