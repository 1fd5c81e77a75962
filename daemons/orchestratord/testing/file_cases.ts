/**
 * The behaviour that the files of every store must have; part of the store's cases.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { FileStore, ListedFile, NewFile } from "../store/file_store.ts";
import { until } from "../../../tests/support/stack.ts";
import { storedBatch } from "./batch_cases.ts";
import type { Case } from "./store_cases.ts";

/** A file that is begun. */
export function newFile(id: string, changes: Partial<NewFile> = {}): NewFile {
  return { id, tenant: "", name: `${id}.jsonl`, purpose: "batch", createdAt: 1000, ...changes };
}

/** Stores a file of two parts, of 3 and of 2 bytes. */
export async function addFile(
  files: FileStore,
  id: string,
  changes: Partial<NewFile> & { expiresAt?: number } = {},
): Promise<void> {
  const { expiresAt, ...file } = changes;
  await files.begin(newFile(id, file));
  await files.append(id, Uint8Array.of(1, 2, 3));
  await files.append(id, Uint8Array.of(4, 5));
  await files.finish(id, { lines: 1, expiresAt });
}

const ids = (files: readonly ListedFile[]) => files.map(({ id }) => id);

const kept = async (files: FileStore) => ids(await files.page({ limit: 1000 }));

/** Cases of {@linkcode FileStore}. */
export const FILE_CASES: Readonly<Record<string, Case>> = {
  async "a file appears when it is finished, after a new start too"({ files }, { reopen }) {
    await files.begin(newFile("f1", { tenant: "t" }));
    await files.append("f1", Uint8Array.of(1, 2, 3));
    await files.append("f1", Uint8Array.of(4, 5));
    assert.deepEqual([await files.get("f1"), await files.read("f1", 0)], [undefined, undefined]);
    assert.deepEqual(await kept(files), []);
    assert.deepEqual(await files.totals("t"), { count: 1, bytes: 5 });
    assert.equal(await files.finish("f1", { lines: 7, expiresAt: 9000 }), true);
    assert.equal(await files.finish("f1", { lines: 8, expiresAt: undefined }), false);
    await files.append("f1", Uint8Array.of(6));
    await assert.rejects(files.begin(newFile("f1")));
    const { files: again } = await reopen();
    const { seq: _, ...file } = (await again.get("f1"))!;
    assert.deepEqual(file, {
      ...newFile("f1", { tenant: "t" }),
      ...{ bytes: 5, parts: 2, lines: 7, usedAt: 1000, expiresAt: 9000 },
    });
    assert.deepEqual(await again.read("f1", 0), Uint8Array.of(1, 2, 3));
    assert.deepEqual(await again.read("f1", 1), Uint8Array.of(4, 5));
    assert.equal(await again.read("f1", 2), undefined);
    assert.equal(await again.read("f2", 0), undefined);
  },

  async "pages of files have the newest or the oldest first"({ files }) {
    await addFile(files, "f1", { tenant: "t" });
    await addFile(files, "f2", { purpose: "batch_output" });
    await addFile(files, "f3", { tenant: "t" });
    const page = await files.page({ limit: 2 });
    assert.deepEqual(ids(page), ["f3", "f2"]);
    assert.deepEqual(ids(await files.page({ limit: 2, after: page[1]!.seq })), ["f1"]);
    assert.deepEqual(ids(await files.page({ limit: 2, isOldestFirst: true })), ["f1", "f2"]);
    assert.deepEqual(
      ids(await files.page({ limit: 2, isOldestFirst: true, after: page[1]!.seq })),
      ["f3"],
    );
    assert.deepEqual(ids(await files.page({ limit: 9, tenant: "t" })), ["f3", "f1"]);
    assert.deepEqual(ids(await files.page({ limit: 9, purpose: "batch_output" })), ["f2"]);
    assert.deepEqual(await files.totals("t"), { count: 2, bytes: 10 });
    assert.deepEqual(await files.totals("u"), { count: 0, bytes: 0 });
  },

  async "touch() notes the latest use of a file"({ files }) {
    await addFile(files, "f1");
    await files.touch("f1", 3000);
    await files.touch("f1", 2000);
    await files.touch("none", 2000);
    assert.equal((await files.get("f1"))?.usedAt, 3000);
  },

  async "remove() removes a file, whole or not, and says whether there was one"({ files }) {
    await addFile(files, "f1");
    await addFile(files, "f2");
    await files.begin(newFile("f3"));
    await files.append("f3", Uint8Array.of(1));
    assert.deepEqual(
      [await files.remove("f1"), await files.remove("f1"), await files.remove("f3")],
      [true, false, true],
    );
    assert.equal(await files.finish("f3", { lines: 0, expiresAt: undefined }), false);
    assert.deepEqual(await kept(files), ["f2"]);
    assert.deepEqual(await files.totals(""), { count: 1, bytes: 5 });
    // Its id is free again, and nothing is left of its parts.
    await addFile(files, "f1");
    assert.deepEqual(await files.read("f1", 0), Uint8Array.of(1, 2, 3));
  },

  async "removeOf() removes all files of a tenant, and no other's"({ files }, { reopen }) {
    for (let n = 0; n < 20; n++) await addFile(files, `f${n}`, { tenant: "t" });
    await files.begin(newFile("writing", { tenant: "t" }));
    await addFile(files, "other");
    assert.equal(await files.removeOf("t"), 21);
    assert.equal(await files.removeOf("t"), 0);
    const { files: again } = await reopen();
    assert.deepEqual(await kept(again), ["other"]);
    assert.deepEqual(await again.totals("t"), { count: 0, bytes: 0 });
  },

  async "removeUnfinished() removes the files that an earlier process has begun"(
    { files },
    { reopen },
  ) {
    await addFile(files, "f1");
    await files.begin(newFile("f2"));
    await files.append("f2", Uint8Array.of(1));
    const { files: again } = await reopen();
    assert.equal(await again.removeUnfinished(), 1);
    assert.equal(await again.removeUnfinished(), 0);
    assert.deepEqual(await again.totals(""), { count: 1, bytes: 5 });
  },

  async "a file of a revoked key is not kept"({ files, keys }) {
    await keys.add({
      ...{ keyId: "k", name: "k", role: "client", secretSha256: "0", limits: {}, createdAt: 1 },
      ...{ expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined },
    });
    await files.begin(newFile("f1", { tenant: "k" }));
    await keys.revoke("k", 2);
    await addFile(files, "f2", { tenant: "k" });
    assert.equal(await files.removeOf("k"), 1);
    assert.equal(await files.finish("f1", { lines: 0, expiresAt: undefined }), false);
    assert.deepEqual(await kept(files), []);
  },

  async "expire() removes files by their use and by their end, but no input of a running batch"(
    { files, batches },
  ) {
    await addFile(files, "f1");
    await addFile(files, "f2", { expiresAt: 5000 });
    await addFile(files, "f3", { expiresAt: 5001 });
    await addFile(files, "f4");
    await addFile(files, "f5");
    await files.begin(newFile("writing"));
    for (const id of ["f2", "f3", "f4"]) await files.touch(id, 2000);
    await batches.add(storedBatch("b1", { inputFileId: "f5" }));
    await batches.add(storedBatch("b2", { inputFileId: "f1", endedAt: 1 }));
    assert.equal(await files.expire(5000, 2000), 2);
    assert.deepEqual(await kept(files), ["f5", "f4", "f3"]);
    await batches.update("b1", { endedAt: 3000 });
    assert.equal(await files.expire(5000, 2000), 1);
    assert.deepEqual(await kept(files), ["f4", "f3"]);
    assert.equal((await files.totals("")).count, 3);
  },

  async "while writes fail, new files are refused and removals wait"(
    store,
    { failWrites },
  ) {
    const { files } = store;
    await addFile(files, "f1");
    await files.begin(newFile("f2"));
    const repair = await failWrites();
    try {
      const removed = files.remove("f1");
      await until("the failure is seen", () => store.failure() !== undefined);
      await assert.rejects(files.begin(newFile("f3")), { code: "NOT_READY" });
      await assert.rejects(files.append("f2", Uint8Array.of(1)), { code: "NOT_READY" });
      await repair();
      assert.equal(await removed, true);
    } finally {
      await repair();
    }
    await files.append("f2", Uint8Array.of(1));
    assert.deepEqual(await files.totals(""), { count: 1, bytes: 1 });
  },
};
