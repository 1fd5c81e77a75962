import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { openDatabase } from "./sqlite.ts";
import { isShrinkable, pageBytes, rewriteShrinkable } from "./sqlite_shrink.ts";

const JOBS = "CREATE TABLE jobs (seq INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT) STRICT";
const EVENTS =
  "CREATE TABLE events (job INTEGER REFERENCES jobs (seq) ON DELETE CASCADE, data TEXT) STRICT";
const MIGRATIONS = [JOBS, EVENTS];

async function withPath(test: (path: string) => void): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    test(join(dir, "test.db"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Writes a database as earlier versions did, and deletes its newest job. */
function writeOld(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode = WAL; ${JOBS}; ${EVENTS}; PRAGMA user_version = 2`);
  db.exec("INSERT INTO jobs (text) VALUES ('a'), ('b'), ('c'); DELETE FROM jobs WHERE seq = 3");
  db.exec("INSERT INTO events VALUES (1, 'x'), (2, 'y')");
  db.close();
}

Deno.test("a new database releases free pages on request", () =>
  withPath((path) => {
    const db = openDatabase(path, MIGRATIONS);
    assert.ok(isShrinkable(db));
    const text = "x".repeat(100_000);
    for (let n = 0; n < 20; n++) db.prepare("INSERT INTO jobs (text) VALUES (?)").run(text);
    db.exec("DELETE FROM jobs");
    const { total, free } = pageBytes(db);
    assert.ok(free > 1_900_000, `${free}`);
    db.prepare("PRAGMA incremental_vacuum").all();
    assert.deepEqual(pageBytes(db), { total: total - free, free: 0 });
    db.close();
  }));

Deno.test("an old database is made one that can shrink, with its rows, numbers and mode", () =>
  withPath((path) => {
    writeOld(path);
    const db = openDatabase(path, MIGRATIONS);
    assert.ok(isShrinkable(db));
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    // A number is never used twice, even if its job was deleted.
    db.exec("INSERT INTO jobs (text) VALUES ('d')");
    const all = (sql: string) => db.prepare(sql).all().map((row) => Object.values(row));
    assert.deepEqual(all("SELECT seq, text FROM jobs"), [[1, "a"], [2, "b"], [4, "d"]]);
    assert.deepEqual(all("SELECT job, data FROM events"), [[1, "x"], [2, "y"]]);
    assert.deepEqual(all("PRAGMA journal_mode"), [["wal"]]);
    db.close();
    assert.deepEqual([...Deno.readDirSync(join(path, ".."))].map(({ name }) => name), ["test.db"]);
  }));

Deno.test("an old database that another program has open stays unchanged and usable", () =>
  withPath((path) => {
    writeOld(path);
    const other = new DatabaseSync(path);
    other.prepare("SELECT * FROM jobs").all();
    const db = openDatabase(path, MIGRATIONS);
    assert.equal(isShrinkable(db), false);
    other.exec("INSERT INTO jobs (text) VALUES ('of the other')");
    assert.equal(db.prepare("SELECT count(*) AS n FROM jobs").get()?.["n"], 3);
    assert.equal(db.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
    other.close();
    db.close();
    const later = openDatabase(path, MIGRATIONS);
    assert.ok(isShrinkable(later));
    later.close();
  }));

Deno.test("a large old database is not copied at a start", () =>
  withPath((path) => {
    writeOld(path);
    const db = new DatabaseSync(path);
    assert.equal(rewriteShrinkable(db, path, () => assert.fail("it was copied"), 1000), false);
    db.close();
  }));
