import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { storedBatch } from "../../testing/batch_cases.ts";
import { newFile } from "../../testing/file_cases.ts";
import { storeCases } from "../../testing/store_cases.ts";
import { accept, token } from "../../testing/stored_jobs.ts";
import type { Store } from "../job_store.ts";
import { openSqliteStore } from "./store.ts";

storeCases("SQLite", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "orchestrator.db");
  return {
    open: () => openSqliteStore(path),
    failWrites: () => Promise.resolve(failWrites(path)),
    remove: () => Deno.remove(dir, { recursive: true }),
  };
});

/** Has another connection add triggers by which each write of events or responses fails. */
function failWrites(path: string): () => void {
  const run = (sql: string) => {
    using db = new DatabaseSync(path);
    db.exec(sql);
  };
  const writes = [
    "INSERT ON events",
    "INSERT ON event_log",
    ...["responses", "files", "file_parts", "batches", "batch_results", "images", "image_parts"]
      .flatMap((table) => ["INSERT", "UPDATE", "DELETE"].map((write) => `${write} ON ${table}`)),
  ];
  for (const [n, write] of writes.entries()) {
    run(`CREATE TRIGGER no_room_${n} BEFORE ${write}
      BEGIN SELECT RAISE(ABORT, 'no room on the disk'); END`);
  }
  return () => writes.forEach((_, n) => run(`DROP TRIGGER IF EXISTS no_room_${n}`));
}

async function withStore(test: (store: Store, path: string) => Promise<void>): Promise<void> {
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

Deno.test("openSqliteStore() makes a database that only its owner can read", async () => {
  await withStore(async (store, path) => {
    await accept(store, "j1");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
});

Deno.test("expire() leaves neither prompt nor output in the files", async () => {
  await withStore(async (store, path) => {
    await accept(store, "j1");
    await store.append("j1", () => ({
      events: [token(2)],
      patch: { status: "completed", endedAt: 3000, contentExpiresAt: 4000 },
    }));
    await store.expire(4000, 0);
    for (const file of [path, `${path}-wal`]) {
      const text = await Deno.readTextFile(file);
      assert.ok(!text.includes("secret words") && !text.includes("w2 "), file);
    }
  });
});

Deno.test("what is removed of files and batches leaves the database's files", async () => {
  await withStore(async (store, path) => {
    const secret = new TextEncoder().encode("secret words ".repeat(100));
    await store.files.begin(newFile("f1"));
    await store.files.append("f1", secret);
    await store.files.finish("f1", { lines: 1, expiresAt: undefined });
    await store.batches.add(storedBatch("b1"));
    await store.batches.addResult("b1", { line: 1, isError: false, result: '"secret words"' });
    assert.ok((await Deno.readTextFile(`${path}-wal`)).includes("secret words"));
    await store.files.remove("f1");
    await store.batches.dropResults("b1");
    await store.tidy();
    for (const file of [path, `${path}-wal`]) {
      assert.ok(!(await Deno.readTextFile(file)).includes("secret words"), file);
    }
  });
});
