/**
 * The behaviour that the batches of every store must have; part of the store's cases.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BatchRow, BatchStore, LineResult } from "../store/batch_store.ts";
import { until } from "../../../tests/support/stack.ts";
import type { Case } from "./store_cases.ts";

/** A batch that runs. */
export function storedBatch(id: string, changes: Partial<BatchRow> = {}): BatchRow {
  return {
    id,
    tenant: "",
    endpoint: "/v1/embeddings",
    inputFileId: "f",
    status: "in_progress",
    metadata: undefined,
    outputMs: undefined,
    createdAt: 900,
    expiresAt: 9000,
    inProgressAt: undefined,
    finalizingAt: undefined,
    cancellingAt: undefined,
    endedAt: undefined,
    total: 3,
    completed: 0,
    failed: 0,
    outputFileId: undefined,
    errorFileId: undefined,
    error: undefined,
    ...changes,
  };
}

const result = (line: number, isError = false): LineResult => ({
  line,
  isError,
  result: `{"line":${line}}`,
});

async function results(batches: BatchStore, id: string): Promise<LineResult[]> {
  const found: LineResult[] = [];
  for (let next = await batches.nextResult(id, 0); next;) {
    found.push(next);
    next = await batches.nextResult(id, next.line);
  }
  return found;
}

const kept = async (batches: BatchStore) =>
  (await batches.page({ limit: 1000 })).map(({ id }) => id);

/** Cases of {@linkcode BatchStore}. */
export const BATCH_CASES: Readonly<Record<string, Case>> = {
  async "a batch is returned as it was stored, after a new start too"({ batches }, { reopen }) {
    const whole = storedBatch("b1", {
      ...{ tenant: "t", metadata: { "é": "😀" }, outputMs: 5, status: "failed", endedAt: 14 },
      ...{ inProgressAt: 11, finalizingAt: 12, cancellingAt: 13, completed: 2, failed: 1 },
      ...{ outputFileId: "o", errorFileId: "e", error: { code: "c", message: "m" } },
    });
    await batches.add(whole);
    await batches.add(storedBatch("b2"));
    await assert.rejects(batches.add(whole));
    const { batches: again } = await reopen();
    const { seq, ...first } = (await again.get("b1"))!;
    assert.deepEqual(first, whole);
    const { seq: next, ...second } = (await again.get("b2"))!;
    assert.deepEqual(second, storedBatch("b2"));
    assert.ok(next > seq);
    assert.equal(await again.get("b3"), undefined);
  },

  async "update() changes a batch until it has ended"({ batches }) {
    await batches.add(storedBatch("b1"));
    await batches.update("b1", { status: "finalizing", finalizingAt: 1000 });
    const end = { status: "completed", endedAt: 2000, failed: 3, outputFileId: "o" } as const;
    await batches.update("b1", end);
    await batches.update("b1", { status: "failed", endedAt: 3000 });
    await batches.update("none", { status: "failed" });
    const { seq: _, ...row } = (await batches.get("b1"))!;
    assert.deepEqual(row, storedBatch("b1", { ...end, finalizingAt: 1000 }));
  },

  async "each line has one result, which is counted once"({ batches }, { reopen }) {
    await batches.add(storedBatch("b1"));
    await batches.add(storedBatch("b2"));
    await batches.addResult("b1", result(7, true));
    await batches.addResult("b1", result(2));
    await batches.addResult("b1", { ...result(2, true), result: "{}" });
    await batches.addResult("b2", result(1));
    await batches.addResult("none", result(1));
    const { batches: again } = await reopen();
    assert.deepEqual(await again.linesDone("b1"), [2, 7]);
    assert.deepEqual(await results(again, "b1"), [result(2), result(7, true)]);
    const { completed, failed } = (await again.get("b1"))!;
    assert.deepEqual([completed, failed], [1, 1]);
    await again.update("b1", { endedAt: 2000 });
    await again.addResult("b1", result(3));
    assert.deepEqual(await again.linesDone("b1"), [2, 7]);
    await again.dropResults("b1");
    assert.deepEqual(await results(again, "b1"), []);
    assert.deepEqual(await results(again, "b2"), [result(1)]);
    assert.equal((await again.get("b1"))?.completed, 1);
  },

  async "unfinished batches come in the order of their creation"({ batches }) {
    // It is neither the order of their ids nor that of their times.
    for (const [id, createdAt] of [["b2", 300], ["b3", 200], ["b1", 100]] as const) {
      await batches.add(storedBatch(id, { createdAt, tenant: id === "b1" ? "t" : "" }));
    }
    await batches.add(storedBatch("b4", { endedAt: 1000 }));
    await batches.update("b3", { endedAt: 2000 });
    assert.deepEqual((await batches.unfinished()).map(({ id }) => id), ["b2", "b1"]);
    assert.deepEqual(
      [await batches.countUnfinished(""), await batches.countUnfinished("t")],
      [1, 1],
    );
  },

  async "a page of batches has the newest first"({ batches }) {
    await batches.add(storedBatch("b1"));
    await batches.add(storedBatch("b2", { tenant: "t" }));
    await batches.add(storedBatch("b3"));
    const page = await batches.page({ limit: 2 });
    assert.deepEqual(page.map(({ id }) => id), ["b3", "b2"]);
    const rest = await batches.page({ limit: 2, before: page[1]!.seq });
    assert.deepEqual(rest.map(({ id }) => id), ["b1"]);
    assert.deepEqual((await batches.page({ limit: 9, tenant: "t" })).map(({ id }) => id), ["b2"]);
  },

  async "removeOf() removes all batches of a tenant with their results"({ batches }, { reopen }) {
    for (let n = 0; n < 5; n++) await batches.add(storedBatch(`b${n}`, { tenant: "t" }));
    for (let line = 1; line < 250; line++) await batches.addResult("b0", result(line));
    await batches.update("b1", { endedAt: 1000 });
    await batches.add(storedBatch("other"));
    assert.equal(await batches.removeOf("t"), 5);
    assert.equal(await batches.removeOf("t"), 0);
    const { batches: again } = await reopen();
    assert.deepEqual(await kept(again), ["other"]);
    // What goes on while it is removed leaves nothing.
    await again.addResult("b0", result(1));
    await again.update("b0", { status: "completed" });
    assert.deepEqual(await again.linesDone("b0"), []);
  },

  async "a batch of a revoked key is not kept"({ batches, keys }) {
    await keys.add({
      ...{ keyId: "k", name: "k", role: "client", secretSha256: "0", limits: {}, createdAt: 1 },
      ...{ expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined },
    });
    await keys.revoke("k", 2);
    await batches.add(storedBatch("b1", { tenant: "k" }));
    assert.deepEqual(await kept(batches), []);
  },

  async "expire() removes batches that ended before a time"({ batches }) {
    await batches.add(storedBatch("b1", { createdAt: 1 }));
    await batches.add(storedBatch("b2", { endedAt: 1999 }));
    await batches.add(storedBatch("b3", { endedAt: 2000 }));
    assert.equal(await batches.expire(2000), 1);
    assert.deepEqual(await kept(batches), ["b3", "b1"]);
  },

  async "while writes fail, a new batch is refused and results wait"(store, { failWrites }) {
    const { batches } = store;
    await batches.add(storedBatch("b1"));
    const repair = await failWrites();
    try {
      const waiting = Promise.all([
        batches.addResult("b1", result(1)),
        batches.update("b1", { status: "finalizing" }),
      ]);
      await until("the failure is seen", () => store.failure() !== undefined);
      await assert.rejects(batches.add(storedBatch("b2")), { code: "NOT_READY" });
      assert.equal((await batches.get("b1"))?.completed, 0);
      await repair();
      await waiting;
    } finally {
      await repair();
    }
    const { completed, status } = (await batches.get("b1"))!;
    assert.deepEqual([completed, status], [1, "finalizing"]);
  },
};
