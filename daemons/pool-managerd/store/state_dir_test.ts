import assert from "node:assert/strict";
import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { openPoolStore } from "./pool_store.ts";
import { openPoolStateDir } from "./state_dir.ts";

const isError = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof LlorchError && error.code === code && text.test(error.message);

function withDir(test: (dir: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const dir = await Deno.makeTempDir();
    try {
      await test(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  };
}

Deno.test(
  "only its owner can read the state folder and its files",
  withDir(async (dir) => {
    const state = openPoolStateDir(join(dir, "a", "b"));
    const db = openPoolStore(state.databasePath);
    const mode = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;
    assert.equal(await mode(state.path), 0o700);
    assert.equal(await mode(state.logsDir), 0o700);
    assert.equal(await mode(state.databasePath), 0o600);
    assert.equal(await mode(state.databasePath + "-wal"), 0o600);
    await db.close();
    state.release();
  }),
);

Deno.test(
  "a second pool manager on the same folder is refused until the first lets go",
  withDir((dir) => {
    const state = openPoolStateDir(dir);
    assert.throws(
      () => openPoolStateDir(dir),
      isError("CONFLICT", /another pool manager holds it/),
    );
    state.release();
    openPoolStateDir(dir).release();
  }),
);

Deno.test(
  "a folder that cannot be created is named",
  withDir((dir) => {
    Deno.writeTextFileSync(join(dir, "file"), "");
    assert.throws(
      () => openPoolStateDir(join(dir, "file", "state")),
      isError("INTERNAL", /Cannot write the state folder .*file\/state.*--state-dir/),
    );
  }),
);
