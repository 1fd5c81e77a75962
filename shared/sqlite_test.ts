import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { dirname, join } from "node:path";
import { openDatabase } from "./sqlite.ts";

const FIRST = "CREATE TABLE jobs (id TEXT PRIMARY KEY) STRICT";
const SECOND = "ALTER TABLE jobs ADD COLUMN model TEXT";

/** Runs `use` with the path of a database that does not exist yet. */
async function withPath(use: (path: string) => void): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    use(join(dir, "state", "test.db"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;

Deno.test("openDatabase() creates folder and file that only the owner can read", () =>
  withPath((path) => {
    openDatabase(path, [FIRST]).close();
    assert.equal(mode(dirname(path)), 0o700);
    assert.equal(mode(path), 0o600);
  }));

Deno.test("openDatabase() uses a write-ahead log and erases deleted rows", () =>
  withPath((path) => {
    const db = openDatabase(path, [FIRST]);
    const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    assert.equal(pragma("journal_mode"), "wal");
    assert.equal(pragma("secure_delete"), 1);
    assert.equal(pragma("foreign_keys"), 1);
    db.close();
  }));

Deno.test("openDatabase() applies each migration once and keeps the rows", () =>
  withPath((path) => {
    const old = openDatabase(path, [FIRST]);
    old.exec("INSERT INTO jobs VALUES ('a')");
    old.close();
    for (let round = 0; round < 2; round++) {
      const db = openDatabase(path, [FIRST, SECOND]);
      assert.deepEqual({ ...db.prepare("SELECT * FROM jobs").get() }, { id: "a", model: null });
      db.close();
    }
  }));

Deno.test("openDatabase() refuses a database of a newer version and leaves it alone", () =>
  withPath((path) => {
    openDatabase(path, [FIRST, SECOND]).close();
    assert.throws(
      () => openDatabase(path, [FIRST]),
      /test\.db: it has version 2 and this program knows up to 1; install the newer program again/,
    );
    openDatabase(path, [FIRST, SECOND]).close();
  }));

Deno.test("openDatabase() changes no byte of a newer database that another program made", () =>
  withPath((path) => {
    Deno.mkdirSync(dirname(path), { recursive: true });
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE t (n); PRAGMA user_version = 2");
    other.close();
    const before = Deno.readFileSync(path);
    assert.throws(() => openDatabase(path, [FIRST]), /it has version 2/);
    assert.deepEqual(Deno.readFileSync(path), before);
  }));

Deno.test("openDatabase() leaves the write-ahead log of a newer version alone", () =>
  withPath((path) => {
    const newer = openDatabase(path, [FIRST, SECOND]);
    newer.exec("INSERT INTO jobs VALUES ('a', 'm')");
    // As after a power cut: no program has the database open, and its log is not empty.
    const left = join(dirname(path), "left.db");
    for (const end of ["", "-wal"]) Deno.copyFileSync(path + end, left + end);
    newer.close();
    const files = () => ["", "-wal"].map((end) => Deno.readFileSync(left + end));
    const before = files();
    assert.throws(() => openDatabase(left, [FIRST]), /it has version 2/);
    assert.deepEqual(files(), before);
    const db = openDatabase(left, [FIRST, SECOND]);
    assert.equal(db.prepare("SELECT id FROM jobs").get()?.["id"], "a");
    db.close();
  }));

Deno.test("openDatabase() rolls a failed migration back completely", () =>
  withPath((path) => {
    const broken = "CREATE TABLE extra (id TEXT); CREATE TABLE jobs (id TEXT)";
    openDatabase(path, [FIRST]).close();
    assert.throws(() => openDatabase(path, [FIRST, broken]), /table jobs already exists/);
    const db = openDatabase(path, [FIRST]);
    assert.equal(
      db.prepare("SELECT name FROM sqlite_master WHERE name = 'extra'").get(),
      undefined,
    );
    db.close();
  }));

Deno.test("openDatabase() names a folder that cannot be created, and what to do", async () => {
  const file = await Deno.makeTempFile();
  try {
    assert.throws(
      () => openDatabase(join(file, "state", "test.db"), [FIRST]),
      /Cannot open the database .*; choose another folder with --state-dir$/,
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test({
  name: "openDatabase() names a folder that may not be written",
  // Root may write anywhere.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: () =>
    withPath((path) => {
      Deno.mkdirSync(dirname(path), { mode: 0o500 });
      assert.throws(() => openDatabase(path, [FIRST]), /choose another folder with --state-dir/);
    }),
});

Deno.test("openDatabase() refuses a damaged database and leaves it alone", () =>
  withPath((path) => {
    const db = openDatabase(path, [FIRST]);
    db.exec(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) " +
        "INSERT INTO jobs SELECT 'job-' || i FROM n",
    );
    db.close();
    const bytes = Deno.readFileSync(path);
    bytes.fill(0xff, 4096 * 2, 4096 * 3);
    Deno.writeFileSync(path, bytes);
    assert.throws(
      () => openDatabase(path, [FIRST]),
      /test\.db: it is damaged \(.+\); put a backup in its place, or move it away to start with an/,
    );
    assert.deepEqual(Deno.readFileSync(path), bytes);
  }));

Deno.test("openDatabase() refuses a file that is not a database", () =>
  withPath((path) => {
    Deno.mkdirSync(dirname(path));
    Deno.writeTextFileSync(
      path,
      "not a database, though long enough to look like one. ".repeat(20),
    );
    assert.throws(() => openDatabase(path, [FIRST]), /file is not a database/);
  }));
