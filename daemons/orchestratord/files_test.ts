import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { fileObject } from "#shared/contracts/mod.ts";
import { until } from "../../tests/support/stack.ts";
import { databasePath } from "./config.ts";
import { type At, call, form, upload } from "./testing/batches.ts";
import { ROOT, withGuarded } from "./testing/guarded.ts";
import { withHarness } from "./testing/harness.ts";

/** Names of the files in a list. */
async function names(at: At, query = ""): Promise<string[]> {
  const { status, body } = await call(at, "GET", `/files${query}`);
  assert.equal(status, 200);
  return (body["data"] as { filename: string }[]).map(({ filename }) => filename);
}

Deno.test("a file is uploaded, listed, read and erased", () =>
  withHarness({}, async (harness) => {
    const text = `{"é":"${"x".repeat(30)}"}\n`.repeat(20_000);
    const file = await upload(harness, text);
    assert.equal(file.bytes, new TextEncoder().encode(text).length);
    assert.deepEqual(await call(harness, "GET", `/files/${file.id}`), { status: 200, body: file });
    const reply = await fetch(`${harness.url}/v1/files/${file.id}/content`);
    assert.equal(reply.headers.get("content-length"), String(file.bytes));
    assert.equal(reply.headers.get("content-type"), "application/octet-stream");
    assert.equal(reply.headers.get("x-content-type-options"), "nosniff");
    assert.equal(
      reply.headers.get("content-disposition"),
      "attachment; filename=\"in.jsonl\"; filename*=UTF-8''in.jsonl",
    );
    assert.ok(await reply.text() === text);
    const deleted = { id: file.id, object: "file", deleted: true };
    assert.deepEqual((await call(harness, "DELETE", `/files/${file.id}`)).body, deleted);
    for (const path of [`/files/${file.id}`, `/files/${file.id}/content`]) {
      assert.equal((await call(harness, "GET", path)).status, 404);
    }
    assert.deepEqual(await names(harness), []);
  }));

Deno.test("files are listed in pages, newest or oldest first", () =>
  withHarness({}, async (harness) => {
    const ids = [];
    for (const name of ["a", "b", "c"]) {
      const { body } = await call(harness, "POST", "/files", form("{}", "batch", name));
      ids.push(fileObject.parse(body).id);
    }
    assert.deepEqual(await names(harness), ["c", "b", "a"]);
    assert.deepEqual(await names(harness, "?order=asc&limit=2"), ["a", "b"]);
    assert.deepEqual(await names(harness, `?after=${ids[1]}`), ["a"]);
    assert.deepEqual(await names(harness, `?order=asc&after=${ids[1]}`), ["c"]);
    assert.deepEqual(await names(harness, "?purpose=batch"), ["c", "b", "a"]);
    for (const purpose of ["batch_output", "fine-tune", "vision"]) {
      assert.deepEqual(await names(harness, `?purpose=${purpose}`), []);
    }
    const { body } = await call(harness, "GET", "/files?limit=2");
    assert.deepEqual([body["has_more"], body["last_id"]], [true, ids[1]]);
  }));

Deno.test("names of files are data: no folder, no header of their own", () =>
  withHarness({}, async (harness) => {
    const name = '../../x/"a"\r\nX-Evil: 1\u202e.jsonl';
    const { body } = await call(harness, "POST", "/files", form("{}", "batch", name));
    const { id, filename } = fileObject.parse(body);
    assert.ok(!/[\\/\r\n\u202e]/.test(filename), filename);
    const reply = await fetch(`${harness.url}/v1/files/${id}/content`);
    assert.equal(await reply.text(), "{}");
    assert.equal(reply.headers.get("x-evil"), null);
  }));

Deno.test("an upload keeps to bounds of its own, and a refused one leaves nothing", () =>
  withHarness({
    limits: { max_body_bytes: 1024 },
    files: {
      max_bytes: 10_000,
      max_lines: 20,
      max_line_bytes: 5000,
      max_count: 3,
      max_total_bytes: 15_000,
    },
  }, async (harness) => {
    const post = async (body: FormData): Promise<[number, string]> => {
      const reply = await call(harness, "POST", "/files", body);
      return [reply.status, reply.body.error?.message ?? ""];
    };
    const mib = "x".repeat(3_000_000);
    for (
      const [text, message] of [
        [mib, "Cannot accept a file of more than 10000 bytes"],
        [`${"x".repeat(4000)}\n`.repeat(3), "Cannot accept a file of more than 10000 bytes"],
        ["{}\n".repeat(21), "Cannot accept a file of more than 20 lines"],
        ["x".repeat(5001), "Cannot accept a line of more than 5000 bytes"],
      ] as const
    ) assert.deepEqual(await post(form(text)), [413, message]);
    for (const purpose of ["fine-tune", "assistants", ""]) {
      const [status, message] = await post(form("{}", purpose));
      assert.deepEqual([status, message], [
        400,
        'Cannot accept the request: purpose: must be "batch"',
      ]);
    }
    const late = new FormData();
    late.set("file", new Blob(["{}"]), "a");
    assert.equal((await post(late))[0], 400);
    late.set("purpose", "vision");
    assert.equal((await post(late))[0], 400);
    const none = new FormData();
    none.set("purpose", "batch");
    assert.equal((await post(none))[0], 400);
    const two = form("{}");
    two.append("file", new Blob(["{}"]), "b");
    assert.equal((await post(two))[0], 400);
    const expiring = form("{}");
    expiring.set("expires_after[seconds]", "1");
    assert.equal((await post(expiring))[0], 400);
    const json = await call(harness, "POST", "/files", { purpose: "batch" });
    assert.equal(json.status, 415);
    assert.deepEqual(await names(harness), []);

    const large = `${"x".repeat(4500)}\n`.repeat(2);
    assert.equal((await post(form(large)))[0], 200);
    const [status, message] = await post(form(large));
    assert.equal(status, 429);
    assert.match(message, /at most 15000 bytes of files/);
    assert.equal((await post(form("{}")))[0], 200);
    assert.equal((await post(form("{}")))[0], 200);
    assert.match((await post(form("{}")))[1], /at most 3 files/);
    assert.equal((await names(harness)).length, 3);
  }));

/** Numbers of rows of files and of their parts, whole or not. */
function rows(stateDir: string): number[] {
  using db = new DatabaseSync(databasePath(stateDir), { readOnly: true });
  return ["files", "file_parts"].map((table) =>
    Number(db.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.["count"])
  );
}

/** Begins an upload of which more than one part arrives, and no end. */
function beginUpload(url: string, headers: Record<string, string>, signal?: AbortSignal) {
  const head = '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n';
  const body = new ReadableStream<Uint8Array>({
    start: (controller) =>
      controller.enqueue(new TextEncoder().encode(head + "{}\n".repeat(200_000).slice(0, 599_999))),
  });
  const reply = fetch(`${url}/v1/files`, {
    method: "POST",
    headers: { "content-type": "multipart/form-data; boundary=x", ...headers },
    body,
    ...(signal ? { signal } : {}),
  });
  reply.catch(() => {});
  return reply;
}

/** Waits until no row of a file is left. */
const isGone = (stateDir: string) =>
  until("nothing is left", () => rows(stateDir).every((count) => count === 0));

Deno.test("an upload that is cut, or stops, leaves nothing", async () => {
  const settings = { files: { max_lines: 1e6 } };
  await withGuarded(settings, async (guarded) => {
    const { secret } = await guarded.key({ name: "a" });
    const headers = { "x-api-key": secret };
    const leave = new AbortController();
    const cut = beginUpload(guarded.url, headers, leave.signal);
    await until("parts are there", () => rows(guarded.stateDir)[1]! >= 2);
    const { body } = await call(guarded, "GET", "/files", undefined, headers);
    assert.deepEqual(body["data"], []);
    leave.abort();
    await assert.rejects(cut);
    await isGone(guarded.stateDir);
  });
  // No call but the one that stops has to keep to this time.
  await withGuarded({ ...settings, limits: { body_timeout_ms: 1000 } }, async (guarded) => {
    const stopped = await beginUpload(guarded.url, { "x-api-key": ROOT });
    assert.equal(stopped.status, 400);
    assert.match(await stopped.text(), /Nothing of the body arrived for 1000 ms/);
    await isGone(guarded.stateDir);
  });
});

Deno.test("what an earlier process left of an upload is removed at the start", async () => {
  const stateDir = await Deno.makeTempDir();
  try {
    await withHarness({ state_dir: stateDir }, async (harness) => {
      await harness.restart((db) => {
        db.exec(`INSERT INTO files (file_id, tenant, name, purpose, state, created_at, used_at)
          VALUES ('file-1', '', 'a', 'batch', 'writing', 1, 1);
          INSERT INTO file_parts VALUES (1, 0, x'00')`);
      });
      await isGone(stateDir);
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("while the disk is full, uploads are refused and leave nothing", () =>
  withGuarded({ files: { max_lines: 1e6 } }, async (guarded) => {
    const { secret } = await guarded.key({ name: "a" });
    const headers = { "x-api-key": secret };
    await upload(guarded, "{}", headers);
    using db = new DatabaseSync(databasePath(guarded.stateDir), { timeout: 5000 });
    db.exec(`CREATE TRIGGER no_room BEFORE INSERT ON file_parts WHEN new.part = 1
      BEGIN SELECT RAISE(ABORT, 'no room on the disk'); END`);
    const refused = await call(guarded, "POST", "/files", form("{}\n".repeat(200_000)), headers);
    assert.equal(refused.status, 503);
    assert.match(refused.body.error!.message, /no room on the disk/);
    db.exec("DROP TRIGGER no_room");
    await until("nothing of it is left", () => rows(guarded.stateDir).join() === "1,1");
    await upload(guarded, "{}", headers);
  }));

Deno.test("files are erased after their last use, or when they say", () =>
  withHarness({ retention: { sweep_ms: 10 } }, async (harness) => {
    const expiring = form("{}");
    expiring.set("expires_after[anchor]", "created_at");
    expiring.set("expires_after[seconds]", "3600");
    const { body } = await call(harness, "POST", "/files", expiring);
    const file = fileObject.parse(body);
    assert.equal(file.expires_at, file.created_at + 3600);
    for (const name of ["0", "1", "2"]) {
      const reply = await call(harness, "POST", "/files", form("{}", "batch", name));
      assert.equal(reply.status, 200);
    }
    await harness.restart((db) => {
      db.exec("UPDATE files SET used_at = 1 WHERE name = '1'");
      db.exec("UPDATE files SET expires_at = 1 WHERE name = 'in.jsonl'");
    });
    await until("two are gone", async () => (await names(harness)).length === 2);
    assert.deepEqual(await names(harness), ["2", "0"]);
  }));
