import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { Committer } from "./committer.ts";
import { delay } from "./lifecycle.ts";
import { inTransaction } from "./sqlite.ts";

/** A database whose writes can be made to fail, as on a full disk. */
class FullDisk extends DatabaseSync {
  isFull = false;

  override exec(sql: string): void {
    if (this.isFull && sql === "COMMIT") throw new Error("database or disk is full");
    super.exec(sql);
  }
}

async function withCommitter(
  test: (parts: { db: FullDisk; committer: Committer; rows: () => number[] }) => Promise<void>,
): Promise<void> {
  const db = new FullDisk(":memory:");
  db.exec("CREATE TABLE t (n INTEGER UNIQUE)");
  const committer = new Committer(db, { retryMs: 1 });
  const rows = () => db.prepare("SELECT n FROM t").all().map(({ n }) => Number(n));
  try {
    await test({ db, committer, rows });
  } finally {
    await committer.close();
    db.close();
  }
}

const insert = (n: number) => (db: DatabaseSync) => {
  db.prepare("INSERT INTO t VALUES (?)").run(n);
};

Deno.test("Committer puts the writes of a turn into one transaction", async () => {
  await withCommitter(async ({ db, committer, rows }) => {
    const statements: string[] = [];
    const exec = db.exec.bind(db);
    db.exec = (sql) => (statements.push(sql), exec(sql));
    await Promise.all([1, 2, 3].map((n) => committer.write(insert(n))));
    assert.equal(statements.filter((sql) => sql === "COMMIT").length, 1);
    assert.deepEqual(rows(), [1, 2, 3]);
  });
});

Deno.test("a write that breaks a constraint fails alone, kept or not", async () => {
  await withCommitter(async ({ committer, rows }) => {
    const outcomes = await Promise.allSettled([
      committer.write(insert(1)),
      committer.write(insert(1)),
      committer.keep(insert(1)),
      committer.keep(insert(2)),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), [
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    assert.deepEqual(rows(), [1, 2]);
    assert.equal(committer.failure, undefined);
  });
});

Deno.test("on a full disk write() fails, keep() waits, and what waited keeps its order", async () => {
  await withCommitter(async ({ db, committer, rows }) => {
    db.isFull = true;
    const kept = committer.keep(insert(1));
    await assert.rejects(committer.write(insert(9)), /disk is full/);
    const later = committer.keep(insert(2));
    await assert.rejects(committer.write(insert(8)), /disk is full/);
    assert.equal(committer.failure, "database or disk is full");
    assert.deepEqual(rows(), []);
    db.isFull = false;
    await Promise.all([kept, later]);
    assert.deepEqual(rows(), [1, 2]);
    assert.equal(committer.failure, undefined);
  });
});

Deno.test("with nothing to write, a database that takes writes again is noticed", async () => {
  await withCommitter(async ({ db, committer }) => {
    db.isFull = true;
    await assert.rejects(committer.write(insert(1)));
    db.isFull = false;
    while (committer.failure !== undefined) await new Promise((done) => setTimeout(done, 1));
    await committer.write(insert(1));
  });
});

Deno.test("close() rejects waiting writes", async () => {
  await withCommitter(async ({ db, committer }) => {
    db.isFull = true;
    const kept = assert.rejects(committer.keep(insert(1)), /closed: database or disk is full/);
    await committer.close();
    await kept;
  });
});

Deno.test("a database that cannot be written is reported once, and once more when it can", async () => {
  const db = new FullDisk(":memory:");
  db.exec("CREATE TABLE t (n INTEGER UNIQUE)");
  const failures: (string | undefined)[] = [];
  const committer = new Committer(db, { retryMs: 1, onFailure: (reason) => failures.push(reason) });
  db.isFull = true;
  await assert.rejects(committer.write(insert(1)));
  await assert.rejects(committer.write(insert(2)));
  const kept = committer.keep(insert(3));
  db.isFull = false;
  await kept;
  assert.deepEqual(failures, ["database or disk is full", undefined]);
  await committer.close();
  db.close();
});

/** Runs a test with a committer on a database file, and a second connection that can lock it. */
async function withLock(
  lockWaitMs: number,
  test: (
    parts: { committer: Committer; lock: DatabaseSync; rows: () => number[] },
  ) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const db = new DatabaseSync(join(dir, "t.db"), { timeout: 0 });
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER UNIQUE)");
  const lock = new DatabaseSync(join(dir, "t.db"), { timeout: 0 });
  const committer = new Committer(db, { lockWaitMs });
  const rows = () => db.prepare("SELECT n FROM t").all().map(({ n }) => Number(n));
  try {
    await test({ committer, lock, rows });
  } finally {
    lock.close();
    await committer.close();
    db.close();
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("writes wait for a lock of another program without blocking, and keep their order", () =>
  withLock(60_000, async ({ committer, lock, rows }) => {
    lock.exec("BEGIN IMMEDIATE");
    const done: number[] = [];
    const writes = [1, 2, 3].map((n) => {
      const write = n === 2 ? committer.keep(insert(n)) : committer.write(insert(n));
      return write.then(() => done.push(n));
    });
    committer.flush();
    // Timers keep running, and a flush does not retry outside the committer's own timer.
    await delay(1);
    committer.flush();
    assert.deepEqual([done, rows(), committer.failure], [[], [], undefined]);
    lock.exec("ROLLBACK");
    await Promise.all(writes);
    assert.deepEqual(rows(), [1, 2, 3]);
  }));

Deno.test("a lock that is held for long is a database that cannot be written, which a client may try again", () =>
  withLock(1, async ({ committer, lock, rows }) => {
    lock.exec("BEGIN IMMEDIATE");
    const kept = committer.keep(insert(1));
    const isRefusal = {
      code: "NOT_READY",
      retryAfterMs: 10_000,
      message: "The database cannot be written: another program has locked it: database is locked",
    };
    await assert.rejects(committer.write(insert(2)), isRefusal);
    await assert.rejects(committer.write(insert(3)), isRefusal);
    lock.exec("ROLLBACK");
    await kept;
    assert.deepEqual(rows(), [1]);
    await committer.write(insert(2));
  }));

Deno.test("close() waits for a lock of another program", () =>
  withLock(60_000, async ({ committer, lock, rows }) => {
    lock.exec("BEGIN IMMEDIATE");
    const written = committer.write(insert(1));
    const closed = committer.close();
    lock.exec("ROLLBACK");
    await Promise.all([written, closed]);
    assert.deepEqual(rows(), [1]);
  }));

Deno.test("the original error is reported, not the failed rollback", async () => {
  await withCommitter(async ({ db, committer }) => {
    const ownRollback = (db: DatabaseSync) => {
      db.exec("ROLLBACK");
      throw new Error("database or disk is full");
    };
    await assert.rejects(committer.write(ownRollback), /database or disk is full/);
    assert.throws(
      () => inTransaction(db, () => ownRollback(db)),
      /^Error: database or disk is full/,
    );
  });
});
