import assert from "node:assert/strict";
import { join } from "node:path";
import { taskRequest } from "#shared/contracts/mod.ts";
import { holdDatabase, longestStall, READS } from "../../../../tests/support/locked_database.ts";
import { until } from "../../../../tests/support/stack.ts";
import type { NumberedEvent, Store } from "../job_store.ts";
import { openSqliteStore, type StoreOptions } from "./store.ts";

async function withStore(
  events: StoreOptions,
  test: (store: Store, path: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "orchestrator.db");
  const store = openSqliteStore(path, events);
  try {
    await test(store, path);
  } finally {
    await store.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Stores an ended job with its output; its contents expire at 2000. */
async function keepJob(store: Store, jobId: string, tokens: number, text: string): Promise<void> {
  await store.accept({
    jobId,
    idempotencyKey: undefined,
    bodySha256: "x".repeat(64),
    request: taskRequest.parse({ model: "m", prompt: "p" }),
    fingerprint: "f".repeat(64),
    tenant: "",
    seed: 1,
    createdAt: 1000,
    deadlineAt: undefined,
  }, {
    id: 1,
    event: { event: "queued", data: { job_id: jobId, queue_position: 0, predicted_start_ms: 0 } },
  });
  const events = Array.from({ length: tokens }, (_, n): NumberedEvent => ({
    id: n + 2,
    event: { event: "token", data: { t: text, i: n, ids: [n] } },
  }));
  const patch = { status: "completed", endedAt: 1000, contentExpiresAt: 2000 } as const;
  await store.append(jobId, () => ({ events, patch }));
}

const sizeOf = async (path: string) => (await Deno.stat(path)).size;

Deno.test("what retention erases goes back to the file system, step by step", () =>
  withStore({}, async (store, path) => {
    for (let n = 0; n < 10; n++) await keepJob(store, `job-${n}`, 2000, "x".repeat(500));
    await store.tidy();
    const { bytes } = store.size();
    assert.ok(bytes > 10_000_000, `${bytes}`);
    const stall = await longestStall(async () => {
      assert.deepEqual(await store.expire(3000, 0), { erased: 10, forgotten: 0 });
      const before = store.size();
      assert.ok(before.freeBytes > 10_000_000);
      await store.tidy();
      const given = before.freeBytes - store.size().freeBytes;
      assert.ok(given > 0 && given <= 5_000_000, `one step released ${given} bytes`);
      while (store.size().freeBytes > 1024 * 1024) await store.tidy();
    });
    assert.ok(stall < 1_000, `the event loop was blocked for ${stall} ms`);
    assert.equal(await sizeOf(path), store.size().bytes);
    assert.ok(store.size().bytes < 2_000_000);
    assert.equal(store.size().logBytes, 0);
  }));

Deno.test("retention lets others work while it erases much", () =>
  withStore({}, async (store) => {
    for (let n = 0; n < 40; n++) await keepJob(store, `job-${n}`, 1000, "word");
    let reads = 0;
    const swept = store.expire(3000, 2000);
    let isOver = false;
    const over = swept.finally(() => isOver = true);
    while (!isOver) {
      await new Promise((done) => setTimeout(done, 0));
      // A job can no longer be read once its first event is erased.
      const row = await store.get("job-39");
      const events = await store.events("job-39", 0, 2000);
      if (events.length < 1001) assert.equal(row?.request, undefined);
      reads++;
    }
    assert.deepEqual(await over, { erased: 40, forgotten: 40 });
    // 40 000 events take more than 80 transactions; a single one would have let no read through.
    assert.ok(reads >= 10, `${reads}`);
    assert.deepEqual(await store.page({ limit: 10 }), []);
  }));

Deno.test("a log that a reader keeps from being cut is reported with its size, and cut once it ends", async () => {
  const grown: number[] = [];
  await withStore({ onLogGrows: (bytes) => grown.push(bytes) }, async (store, path) => {
    await keepJob(store, "job-0", 1, "a");
    const reader = await holdDatabase(path, READS);
    try {
      while (grown.length < 2) {
        await keepJob(store, crypto.randomUUID(), 4000, "x".repeat(2000));
        await store.tidy();
      }
      assert.ok(grown[0]! >= 64 * 1024 * 1024 && grown[1]! >= 2 * grown[0]!, `${grown}`);
      assert.equal(store.size().logBytes, await sizeOf(`${path}-wal`));
      // The log with the erased text is truncated as soon as possible.
      await store.expire(3000, 0);
    } finally {
      await reader.release();
    }
    await until("the log is truncated", async () => {
      await store.tidy();
      return await sizeOf(`${path}-wal`) < 16 * 1024 * 1024;
    });
  });
});
