import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { accept, token } from "../../testing/stored_jobs.ts";
import type { NumberedEvent, Store } from "../job_store.ts";
import { openSqliteStore } from "./store.ts";

interface Tools {
  readonly store: Store;
  readonly path: string;
  /** The same database as it would be found after `kill -9`. */
  readonly killed: () => Promise<Store>;
  /** What a query of the database returns. */
  readonly query: (sql: string) => Readonly<Record<string, unknown>>[];
}

async function withStore(test: (tools: Tools) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "orchestrator.db");
  const store = openSqliteStore(path);
  const opened = [store];
  let copies = 0;
  try {
    await test({
      store,
      path,
      async killed() {
        const copy = join(dir, `copy-${copies++}.db`);
        for (const end of ["", "-wal"]) await Deno.copyFile(path + end, copy + end);
        const again = openSqliteStore(copy);
        opened.push(again);
        return again;
      },
      query(sql) {
        using db = new DatabaseSync(path, { readOnly: true });
        return db.prepare(sql).all();
      },
    });
  } finally {
    for (const each of opened) await each.close();
    await Deno.remove(dir, { recursive: true });
  }
}

const end = (id: number): NumberedEvent => ({
  id,
  event: {
    event: "end",
    data: {
      ...{ tokens_in: 1, tokens_cached: 0, tokens_out: 2, ttft_ms: 1, decode_time_ms: 1, seed: 1 },
      stop_reason: "EOS",
    },
  },
});

const idsOf = async (store: Store, jobId: string, after = 0, limit = 100_000) =>
  (await store.events(jobId, after, limit)).map(({ id }) => id);

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);

Deno.test("the events of a turn are one row, and a process that is killed loses none", async () => {
  await withStore(async ({ store, killed, query }) => {
    const jobs = range(1, 50).map((n) => `j${n}`);
    await Promise.all(jobs.map((job) => accept(store, job)));
    await Promise.all(jobs.map((job) => store.append(job, () => ({ events: [token(2)] }))));
    await Promise.all(jobs.map((job) => store.append(job, () => ({ events: [token(3)] }))));
    assert.equal(query("SELECT * FROM event_log").length, 3);
    assert.equal(query("SELECT * FROM events").length, 0);
    const again = await killed();
    for (const each of [store, again]) {
      for (const job of jobs) assert.deepEqual(await idsOf(each, job), [1, 2, 3]);
      assert.deepEqual((await each.events("j7", 2, 1))[0]?.event, token(3).event);
    }
    // And it goes on from there.
    await again.append("j1", () => ({ events: [token(3), token(4)] }));
    assert.deepEqual(await idsOf(again, "j1"), [1, 2, 3, 4]);
    assert.deepEqual(await idsOf(again, "j1", 1, 2), [2, 3]);
  });
});

Deno.test("the events of a job that ends are in its own rows, several in each, and read in any page", async () => {
  await withStore(async ({ store, killed, query }) => {
    await accept(store, "j1");
    for (let id = 2; id < 300; id += 3) {
      await store.append("j1", () => ({ events: [token(id), token(id + 1), token(id + 2)] }));
    }
    await store.append("j1", () => ({ events: [token(302), end(303)] }));
    const rows = query("SELECT data FROM events");
    assert.ok(rows.length < 50, `${rows.length} rows`);
    assert.ok(rows.every(({ data }) => String(data).length < 1_100));
    assert.deepEqual(query("SELECT * FROM event_log"), [], "nothing needs the log any more");
    for (const each of [store, await killed()]) {
      const all = [...range(1, 301), 302, 303];
      assert.deepEqual(await idsOf(each, "j1"), all);
      for (const [after, limit] of [[0, 1], [1, 5], [40, 100], [301, 9], [302, 9], [303, 9]]) {
        assert.deepEqual(
          await idsOf(each, "j1", after, limit),
          all.filter((id) => id > after!).slice(0, limit),
        );
      }
      assert.deepEqual((await each.events("j1", 99, 1))[0]?.event, token(100).event);
    }
  });
});

Deno.test("an event that is there already changes nothing, wherever it is", async () => {
  await withStore(async ({ store }) => {
    await accept(store, "j1");
    const other: NumberedEvent = {
      id: 2,
      event: { event: "token", data: { t: "?", i: 0, ids: [] } },
    };
    await store.append("j1", () => ({ events: [token(2), token(3)] }));
    await Promise.all([
      store.append("j1", () => ({ events: [other, token(4)] })),
      store.append("j1", () => ({ events: [token(4), token(5)] })),
    ]);
    await store.append("j1", () => ({ events: [end(6)] }));
    await store.append("j1", () => ({ events: [other, end(6)] }));
    assert.deepEqual(await idsOf(store, "j1"), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual((await store.events("j1", 1, 1))[0]?.event, token(2).event);
  });
});

Deno.test("the log stays small beside a job that waits for long and one with many events", async () => {
  await withStore(async ({ store, query, killed }) => {
    // It waits all the time, with one event in the first row.
    await accept(store, "waits");
    for (let n = 0; n < 6_000; n++) {
      const job = `j${n}`;
      const accepted = accept(store, job);
      // Each is a transaction of its own.
      await store.events(job, 0, 1);
      await accepted;
    }
    const rows = query("SELECT seq FROM event_log");
    assert.ok(rows.length <= 4_100, `${rows.length} rows`);
    await accept(store, "long");
    for (let id = 2; id < 20_000; id += 10) {
      await store.append("long", () => ({ events: range(id, id + 9).map(token) }));
    }
    await store.append("waits", () => ({ events: [token(2)] }));
    await store.append("waits", () => ({ events: [token(3)] }));
    const [{ bytes }] = query("SELECT sum(length(events)) AS bytes FROM event_log") as [
      { bytes: number },
    ];
    assert.ok(bytes < 1_000_000, `${bytes} bytes are left`);
    for (const each of [store, await killed()]) {
      assert.deepEqual(await idsOf(each, "waits"), [1, 2, 3]);
      assert.deepEqual(await idsOf(each, "long"), range(1, 20_001));
      assert.deepEqual(await idsOf(each, "j0"), [1]);
      assert.deepEqual(await idsOf(each, "j5999"), [1]);
    }
  });
});

Deno.test("a write that is refused takes no event of its turn along, and adds none", async () => {
  await withStore(async ({ store, killed }) => {
    await accept(store, "j1");
    const outcomes = await Promise.allSettled([
      store.append("j1", () => ({ events: [token(2)] })),
      store.append("none", () => ({ events: [token(2)] })),
      store.append("j1", () => ({ events: [token(3), end(4)] })),
      store.append("none", () => ({ events: [token(3), end(4)] })),
      accept(store, "j2"),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), [
      ...["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
    ]);
    for (const each of [store, await killed()]) {
      assert.deepEqual(await idsOf(each, "j1"), [1, 2, 3, 4]);
      assert.deepEqual(await idsOf(each, "j2"), [1]);
      assert.deepEqual(await idsOf(each, "none"), []);
    }
  });
});

Deno.test("a job that is removed stays removed", async () => {
  await withStore(async ({ store, killed }) => {
    await accept(store, "j1");
    await accept(store, "j2");
    await store.remove("j1");
    assert.deepEqual(await idsOf(store, "j1"), []);
    const again = await killed();
    assert.deepEqual(await idsOf(again, "j1"), []);
    assert.deepEqual(await idsOf(again, "j2"), [1]);
    assert.deepEqual((await again.unfinished()).map(({ jobId }) => jobId), ["j2"]);
  });
});

Deno.test("what is erased is not in the log either, though others' newest events are", async () => {
  await withStore(async ({ store, path, killed }) => {
    await accept(store, "runs");
    await accept(store, "j1");
    await store.append("j1", () => ({
      events: [token(2), end(3)],
      patch: { status: "completed", endedAt: 3000, contentExpiresAt: 4000 },
    }));
    await store.append("runs", () => ({ events: [token(2)] }));
    assert.equal((await store.expire(4000, 0)).erased, 1);
    for (const each of [store, await killed()]) {
      assert.deepEqual(await idsOf(each, "j1"), []);
      assert.deepEqual(await idsOf(each, "runs"), [1, 2]);
    }
    using db = new DatabaseSync(path, { readOnly: true });
    assert.deepEqual(db.prepare("SELECT * FROM event_log").all(), []);
  });
});
