import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIGRATIONS, openSqliteStore } from "./store.ts";

const TESTDATA = join(dirname(fileURLToPath(import.meta.url)), "testdata");

/** Writes a database as a program with this schema version left it. */
function writeVersion(version: number, path: string): void {
  const db = new DatabaseSync(path);
  for (const sql of MIGRATIONS.slice(0, version)) db.exec(sql);
  db.exec(Deno.readTextFileSync(join(TESTDATA, `version_${version}.sql`)));
  db.exec(`PRAGMA user_version = ${version}`);
  db.close();
}

for (const version of MIGRATIONS.keys()) {
  Deno.test(`a database of version ${version + 1} keeps its jobs, events and pools`, async () => {
    const dir = await Deno.makeTempDir();
    const path = join(dir, "orchestrator.db");
    try {
      writeVersion(version + 1, path);
      const store = openSqliteStore(path);
      const unfinished = await store.unfinished();
      assert.deepEqual(unfinished.map((row) => row.jobId), ["job-running", "job-queued"]);
      assert.equal(unfinished[1]?.deadlineAt, 9000);
      assert.equal(unfinished[1]?.detached, true);
      const ended = await store.findByKey("key-1");
      assert.equal(ended?.status, "completed");
      assert.equal(ended?.request?.prompt, "one");
      assert.equal(ended?.attempts.length, 1);
      assert.equal(ended?.stopReason, version < 6 ? undefined : "MAX_TOKENS");
      const events = await store.events("job-running", 1, 10);
      assert.deepEqual(events.map(({ id, event }) => [id, event.data]), [
        [2, { t: " w8", i: 0, ids: [8] }],
        ...(version < 12 ? [] : [[3, { t: " w9", i: 1, ids: [9] }]]),
      ]);
      const [pool] = await store.pools();
      assert.equal(pool?.endpoint, "http://127.0.0.1:9200");
      assert.equal(pool?.keyId, version < 2 ? undefined : "0123456789ab");
      if (version >= 2) {
        assert.deepEqual((await store.keys.get("0123456789ab"))?.limits, { tokens_per_day: 10 });
        assert.equal(await store.keys.tokensOn("0123456789ab", 0), 7);
      }
      const drains = version < 3 ? [] : [{ poolId: "p1", endsAt: 5000 }];
      assert.deepEqual(await store.drains(), drains);
      if (version >= 4) {
        assert.deepEqual(await store.pins(), [
          { fingerprint: "f1", poolId: "p", device: undefined, model: "m" },
        ]);
      }
      if (version >= 11) {
        assert.deepEqual(await store.sessions.get("5".repeat(64)), {
          ...{ secretSha256: "5".repeat(64), keyId: "0123456789ab", endsAt: 5000 },
        });
      }
      const listed = await store.responses.page({ limit: 10 });
      assert.deepEqual(
        listed.map(({ id, bytes }) => [id, bytes]),
        version < 7 ? [] : [["resp_2", 27]],
      );
      if (version >= 7) {
        assert.deepEqual(await store.responses.get("resp_2"), {
          id: "resp_2",
          tenant: "0123456789ab",
          jobId: undefined,
          previousId: "resp_1",
          model: "m",
          createdAt: 1000,
          endedAt: 1200,
          usedAt: 1300,
          request: '{"input":"hi"}',
          response: '{"output":[]}',
        });
      }
      const file = await store.files.get("file-1");
      const batch = await store.batches.get("batch_1");
      if (version < 8) assert.deepEqual([file, batch], [undefined, undefined]);
      else {
        assert.deepEqual([file?.name, file?.bytes, file?.lines], ["in.jsonl", 3, 1]);
        assert.deepEqual(await store.files.read("file-1", 0), new TextEncoder().encode("{}\n"));
        assert.deepEqual([batch?.status, batch?.metadata], ["in_progress", { a: "b" }]);
        assert.deepEqual(await store.batches.linesDone("batch_1"), [1]);
        assert.deepEqual(unfinished[1]?.call, { kind: "embed", input: ["three"] });
      }
      const image = await store.images.get("b".repeat(64));
      assert.deepEqual(
        image,
        version < 9
          ? undefined
          : { sha256: "b".repeat(64), format: "png", data: new TextEncoder().encode("{}\n") },
      );
      assert.equal(await store.images.removeUnused(), 0);
      assert.equal(await store.begin(), version < 10 ? 1 : 8);
      await store.close();
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}
