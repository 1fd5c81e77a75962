import assert from "node:assert/strict";
import { delay } from "#shared/lifecycle.ts";
import { sharedPostgres } from "../../testing/postgres_home.ts";
import { storedBatch } from "../../testing/batch_cases.ts";
import { accept, token } from "../../testing/stored_jobs.ts";
import { until } from "../../../../tests/support/stack.ts";
import { Fenced } from "../fenced.ts";
import type { NumberedEvent, Store } from "../job_store.ts";
import type { KeyRow } from "../key_store.ts";
import type { Session } from "./session.ts";

const postgres = sharedPostgres();

const END: NumberedEvent["event"] = {
  event: "end",
  data: {
    ...{ tokens_in: 1, tokens_cached: 0, tokens_out: 2, ttft_ms: 1, decode_time_ms: 1, seed: 1 },
    stop_reason: "EOS",
  },
};

const KEY: KeyRow = {
  ...{ keyId: "a", name: "a", secretSha256: "0".repeat(64), limits: {}, createdAt: 1 },
  ...{ expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined },
  role: "client",
};

/** Keeps ending all sessions of a store until it is stopped. */
class Killer {
  /** Rounds so far. */
  rounds = 0;
  /** Sessions that were ended so far. */
  ended = 0;
  #isOver = false;
  readonly #killing: Promise<void>;

  constructor(session: Session, everyMs: number) {
    this.#killing = this.#kill(session, everyMs);
  }

  stop(): Promise<void> {
    this.#isOver = true;
    return this.#killing;
  }

  async #kill(session: Session, everyMs: number): Promise<void> {
    for (; !this.#isOver; this.rounds++) {
      await delay(everyMs);
      const { count } = await session.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'llorch%'",
      );
      this.ended += count;
    }
  }
}

/** Whether a statement of another session waits for a lock. */
async function isBlocked(session: Session): Promise<boolean> {
  const { rows } = await session.query(
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  );
  return rows.length > 0;
}

/** Writes jobs of ten tokens one after the other, each charged with 10; returns their number. */
async function writeJobs(
  store: Store,
  lane: number,
  isOver: (n: number) => boolean,
): Promise<number> {
  for (let n = 0;; n++) {
    if (isOver(n)) return n;
    const id = `j${lane}-${n}`;
    assert.equal(await accept(store, id, { key: id, tenant: "a" }), id);
    const writes = Array.from(
      { length: 10 },
      (_, index) => store.append(id, () => ({ events: [token(index + 2)] })),
    );
    await Promise.all([
      ...writes,
      store.append(id, () => ({
        events: [{ id: 12, event: END }],
        patch: { status: "completed", endedAt: 1 },
        charge: { keyId: "a", day: 1, tokens: 10 },
      })),
      store.keys.addTokens({ keyId: "a", day: 2, tokens: 1 }),
    ]);
  }
}

/** Writes jobs in several lanes at once; returns the number of each. */
async function writeLanes(store: Store, isOver: (n: number) => boolean): Promise<number[]> {
  await store.keys.add(KEY);
  return await Promise.all(
    Array.from({ length: 10 }, (_, lane) => writeJobs(store, lane, isOver)),
  );
}

/** Checks that each job is there once, with its events and charges. */
async function checkLanes(store: Store, counts: readonly number[]): Promise<void> {
  for (const [lane, count] of counts.entries()) {
    for (let n = 0; n < count; n++) {
      const events = await store.events(`j${lane}-${n}`, 0, 100);
      assert.deepEqual(events.map(({ id }) => id), Array.from({ length: 12 }, (_, n) => n + 1));
    }
  }
  const total = counts.reduce((sum, each) => sum + each, 0);
  assert.equal((await store.page({ limit: 100_000 })).length, total);
  assert.equal(await store.keys.tokensOn("a", 1), total * 10);
  assert.equal(await store.keys.tokensOn("a", 2), total);
}

/** However slow the machine is: writes wait. */
const PATIENT = { patienceMs: 60_000 };

postgres.test("sessions that the server ends again and again lose and double nothing", async (home) => {
  const failures: unknown[] = [];
  const store = await home.open({
    ...PATIENT,
    // Its renewals are interrupted, too.
    renewMs: 50,
    onFailure: (reason) => failures.push(reason),
  });
  await store.begin();
  const session = await home.session();
  const killer = new Killer(session, 100);
  try {
    const counts = await writeLanes(store, () => killer.rounds >= 20);
    await killer.stop();
    await checkLanes(store, counts);
  } finally {
    await killer.stop();
  }
  assert.ok(killer.ended >= 20, `${killer.ended}`);
  assert.deepEqual(failures, []);
  await Promise.all([store.close(), session.close()]);
});

postgres.test("a server that crashes and starts again loses and doubles nothing", async (home) => {
  const store = await home.open(PATIENT);
  await store.begin();
  const begun = Promise.withResolvers<void>();
  let isOver = false;
  const written = writeLanes(store, (n) => {
    if (n === 3) begun.resolve();
    return isOver;
  });
  await begun.promise;
  await home.server.stop("immediate");
  await home.server.start();
  await accept(store, "last").then(() => store.remove("last"));
  isOver = true;
  await checkLanes(store, await written);
  await store.close();
});

postgres.test("while the server is away, jobs are refused after a while, and events wait", async (home) => {
  const failures: unknown[] = [];
  const store = await home.open({ patienceMs: 100, onFailure: (each) => failures.push(each) });
  await store.begin();
  await accept(store, "j1");
  await home.server.stop("fast");
  const waiting = store.append("j1", () => ({ events: [token(2)] }));
  await assert.rejects(accept(store, "j2"), { code: "NOT_READY" });
  assert.match(store.failure() ?? "", /^socket in /);
  await assert.rejects(accept(store, "j2"), { code: "NOT_READY" });
  await assert.rejects(store.get("j1"), { code: "NOT_READY" });
  await home.server.start();
  await waiting;
  await until("it is writable", () => store.failure() === undefined);
  await accept(store, "j2");
  assert.deepEqual((await store.events("j1", 0, 9)).map(({ id }) => id), [1, 2]);
  assert.equal(failures.length, 2);
  await store.close();
});

postgres.test("whoever removes a replica waits for its open write, and nothing of it is written later", async (home) => {
  let fences = 0;
  const store = await home.open({ renewMs: 60_000, onFenced: () => void fences++ });
  const incarnation = await store.begin();
  await accept(store, "j1");
  const [writer, other] = [await home.session(), await home.session()];
  await writer.query("BEGIN");
  await writer.query("SELECT FROM replicas WHERE incarnation = $1 FOR KEY SHARE", [incarnation]);
  // A renewal does not wait.
  await other.query("UPDATE replicas SET expires_at = clock_timestamp() WHERE incarnation = $1", [
    incarnation,
  ]);
  let isGone = false;
  const removed = other.query("DELETE FROM replicas WHERE incarnation = $1", [incarnation])
    .then(() => isGone = true);
  await until("the removal waits", () => isBlocked(writer));
  assert.equal(isGone, false);
  await writer.query("COMMIT");
  await removed;
  await assert.rejects(store.append("j1", () => ({ events: [token(2)] })), { code: "NOT_READY" });
  await assert.rejects(accept(store, "j2"), { code: "NOT_READY" });
  assert.equal(fences, 1);
  assert.equal((await store.events("j1", 0, 9)).length, 1);

  const next = await store.begin();
  assert.ok(next > incarnation);
  await assert.rejects(
    store.append("j1", () => ({ events: [token(2)] })),
    /Another orchestrator has/,
  );
  assert.deepEqual((await store.unfinished()).map(({ jobId }) => jobId), ["j1"]);
  await store.append("j1", () => ({ events: [token(2)] }));
  await Promise.all([store.close(), writer.close(), other.close()]);
});

postgres.test("a write that waited for the database is not that of the next start", async (home) => {
  const fenced = Promise.withResolvers<void>();
  const store = await home.open({ renewMs: 20, onFenced: () => fenced.resolve() });
  await store.begin();
  await accept(store, "j1");
  const blocker = await home.session();
  await blocker.query("BEGIN");
  await blocker.query("LOCK TABLE events");
  const first = assert.rejects(store.append("j1", () => ({ events: [token(2)] })), Fenced);
  await until("the first write waits", () => isBlocked(blocker));
  const second = assert.rejects(store.append("j1", () => ({ events: [token(3)] })), Fenced);
  await home.run("DELETE FROM replicas");
  await fenced.promise;
  const start = await store.begin();
  await home.run(`UPDATE jobs SET owner = ${start}`);
  await blocker.query("COMMIT");
  await Promise.all([first, second]);
  assert.deepEqual((await store.events("j1", 0, 9)).map(({ id }) => id), [1]);
  await store.append("j1", () => ({ events: [token(2)] }));
  await Promise.all([store.close(), blocker.close()]);
});

postgres.test("a replica that is fenced writes nothing of batches and files", async (home) => {
  // It does not learn it from a renewal.
  const store = await home.open({ renewMs: 60_000 });
  await store.begin();
  await store.batches.add(storedBatch("b1"));
  await home.run("DELETE FROM replicas");
  const late = [
    store.batches.update("b1", { status: "completed", endedAt: 5 }),
    store.batches.addResult("b1", { line: 1, isError: false, result: "{}" }),
    store.files.remove("f1"),
  ];
  for (const write of await Promise.allSettled(late)) {
    assert.ok(write.status === "rejected" && write.reason instanceof Fenced);
  }
  await assert.rejects(store.batches.dropResults("b1"), Fenced);
  assert.equal((await store.batches.get("b1"))?.endedAt, undefined);
  await store.begin();
  await store.batches.addResult("b1", { line: 1, isError: false, result: "{}" });
  assert.deepEqual(await store.batches.linesDone("b1"), [1]);
  await store.close();
});

postgres.test("a replica whose row was removed learns it at its next renewal", async (home) => {
  const fenced = Promise.withResolvers<void>();
  const store = await home.open({ renewMs: 20, onFenced: () => fenced.resolve() });
  await store.begin();
  await home.run("DELETE FROM replicas");
  await fenced.promise;
  await store.close();
});

postgres.test("a replica whose clock is wrong goes by the database's", async (home) => {
  let wrongByMs = -3_600_000;
  const store = await home.open({ renewMs: 20, now: () => Date.now() + wrongByMs });
  await store.begin();
  const isRight = () => Math.abs(store.clockOffsetMs() + wrongByMs) < 2_000;
  assert.ok(isRight(), `${store.clockOffsetMs()} ms`);
  wrongByMs = 86_400_000;
  await until("a jump is noticed", isRight);
  await store.close();
});

postgres.test("a process that has died is replaced at once, and one that lives is not", async (home) => {
  const first = await home.open();
  await first.begin();
  await accept(first, "j1");
  const second = await home.open();
  await assert.rejects(second.begin(), { code: "CONFLICT" });
  const other = await home.open({ replicaId: "replica-2" });
  await other.begin();
  assert.deepEqual(await other.unfinished(), [], "the job is that of a process that lives");
  // As after kill -9: its sessions end, and its row stays.
  await home.run(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'llorch lease'",
  );
  await other.close();
  await first.close();
  await second.begin();
  assert.deepEqual((await second.unfinished()).map(({ jobId }) => jobId), ["j1"]);
  await second.close();
});

postgres.test("of one idempotency key that is sent to several at once, one job is stored", async (home) => {
  const stores = await Promise.all(
    ["a", "b", "c"].map((replicaId) => home.open({ replicaId })),
  );
  for (const store of stores) await store.begin();
  for (let n = 0; n < 50; n++) {
    const holders = await Promise.all(
      stores.map((store, s) => accept(store, `j${n}-${s}`, { key: `key-${n}` })),
    );
    assert.equal(new Set(holders).size, 1);
  }
  assert.equal((await stores[0]!.page({ limit: 200 })).length, 50);
  for (const store of stores) await store.close();
});

postgres.test("when every connection is busy, a read is refused after a while", async (home) => {
  const store = await home.open({ connections: 1 });
  const blocker = await home.session();
  await blocker.query("BEGIN");
  await blocker.query("LOCK TABLE pins");
  const blocked = store.pins();
  await until("the read waits", () => isBlocked(blocker));
  await assert.rejects(store.keys.get("a"), { code: "NOT_READY", message: /store\.connections/ });
  await blocker.query("COMMIT");
  assert.deepEqual(await blocked, []);
  await blocker.close();
  await store.close();
});

postgres.test("a command beside a running orchestratord uses keys, and writes no jobs", async (home) => {
  const store = await home.open();
  await store.begin();
  const command = await home.open({ replicaId: "" });
  await command.keys.add(KEY);
  assert.equal((await store.keys.get("a"))?.name, "a");
  await assert.rejects(accept(command, "j1"));
  await command.close();
  await accept(store, "j1");
  await store.close();
});
