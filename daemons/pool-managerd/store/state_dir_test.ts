import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LlorchError } from "#shared/errors.ts";
import { openDatabase } from "./database.ts";
import { openStateDir } from "./state_dir.ts";

const isError = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof LlorchError && error.code === code && text.test(error.message);

function withDir(test: (dir: string) => void): () => void {
  return () => {
    const dir = Deno.makeTempDirSync();
    try {
      test(dir);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  };
}

Deno.test(
  "the state folder and what is in it are for its owner alone",
  withDir((dir) => {
    const state = openStateDir(join(dir, "a", "b"));
    const db = openDatabase(state.databasePath);
    const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
    assert.equal(mode(state.path), 0o700);
    assert.equal(mode(state.logsDir), 0o700);
    assert.equal(mode(state.databasePath), 0o600);
    assert.equal(mode(state.databasePath + "-wal"), 0o600);
    db.close();
    state.release();
  }),
);

Deno.test(
  "a second pool manager on the same folder is refused until the first lets go",
  withDir((dir) => {
    const state = openStateDir(dir);
    assert.throws(() => openStateDir(dir), isError("CONFLICT", /another pool manager holds it/));
    state.release();
    openStateDir(dir).release();
  }),
);

Deno.test(
  "a folder that cannot be made is named",
  withDir((dir) => {
    Deno.writeTextFileSync(join(dir, "file"), "");
    assert.throws(
      () => openStateDir(join(dir, "file", "state")),
      isError("INTERNAL", /Cannot write the state folder .*file\/state.*--state-dir/),
    );
  }),
);

Deno.test(
  "a database of a newer version, or none at all, is refused with its path",
  withDir((dir) => {
    const path = join(dir, "pool.db");
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    assert.throws(() => openDatabase(path), isError("INTERNAL", /pool\.db.*schema 99 is newer/));
    Deno.writeTextFileSync(path, "not a database".repeat(100));
    assert.throws(
      () => openDatabase(path),
      isError("INTERNAL", /Cannot open the database .*pool\.db/),
    );
  }),
);
