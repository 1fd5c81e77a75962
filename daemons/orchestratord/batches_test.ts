import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { until } from "../../tests/support/stack.ts";
import { begin, call, ended, type Fields, get, line, results, upload } from "./testing/batches.ts";
import { withGuarded } from "./testing/guarded.ts";
import { type Harness, withHarness } from "./testing/harness.ts";

const CHAT = "/v1/chat/completions";
const chat = (content: string, more: Fields = {}): Fields => ({
  messages: [{ role: "user", content }],
  max_tokens: 2,
  ...more,
});

/** Loads the only model, so that its worker is there. */
async function load(harness: Harness): Promise<void> {
  await harness.events({ model: "counter", prompt: "w1", max_tokens: 1 });
}

Deno.test("a batch of chats is answered, each line once", () =>
  withHarness({}, async (harness) => {
    await load(harness);
    const begun = await begin(harness, CHAT, [chat("w1"), chat("w2", { n: 2 }), chat("w3")]);
    assert.equal(begun.status, "validating");
    assert.deepEqual(begun.metadata, { night: "1" });
    const batch = await ended(harness, begun);
    assert.equal(batch.status, "completed", JSON.stringify(batch));
    assert.deepEqual(batch.request_counts, { total: 3, completed: 3, failed: 0 });
    assert.equal(batch.error_file_id, null);
    const lines = await results(harness, batch.output_file_id);
    assert.deepEqual(lines.map(({ custom_id }) => custom_id), ["r1", "r2", "r3"]);
    assert.deepEqual(lines.map(({ response }) => response?.status_code), [200, 200, 200]);
    assert.deepEqual(lines.map(({ response }) => response?.body.choices.length), [1, 2, 1]);
    assert.equal(new Set(lines.map(({ id }) => id)).size, 3);
    assert.equal(harness.pool.only().executions.length, 5);
  }));

Deno.test("a restart in the middle of a batch loses and doubles nothing", () =>
  withHarness({ batches: { max_waiting: 3 }, stop_deadline_ms: 1 }, async (harness) => {
    await load(harness);
    const worker = harness.pool.only();
    worker.allow(3);
    const bodies = Array.from({ length: 9 }, (_, n) => chat(`w${n}`));
    const begun = await begin(harness, CHAT, bodies);
    await until(
      "one line has ended",
      async () => (await get(harness, begun.id)).request_counts.completed === 1,
    );
    await harness.restart();
    await harness.pool.register();
    const middle = await get(harness, begun.id);
    assert.deepEqual([middle.status, middle.request_counts.completed], ["in_progress", 1]);
    worker.allow(Infinity);
    const batch = await ended(harness, begun);
    assert.deepEqual(batch.request_counts, { total: 9, completed: 9, failed: 0 });
    const lines = await results(harness, batch.output_file_id);
    assert.deepEqual(
      lines.map(({ custom_id }) => custom_id),
      bodies.map((_, n) => `r${n + 1}`),
    );
    const tasks = await (await fetch(`${harness.url}/v2/tasks?limit=100`)).json();
    assert.equal(tasks.tasks.length, 10);
  }));

Deno.test("lines may ask for completions, embeddings and responses", () =>
  withHarness({}, async (harness) => {
    await load(harness);
    const made = async (endpoint: string, body: Fields) => {
      const batch = await ended(harness, await begin(harness, endpoint, [body]));
      const [errors, [only]] = await Promise.all([
        results(harness, batch.error_file_id),
        results(harness, batch.output_file_id),
      ]);
      assert.deepEqual(errors, []);
      return only!.response!.body;
    };
    const { choices } = await made("/v1/completions", { prompt: ["w1", "w5"], max_tokens: 1 });
    assert.deepEqual(choices.map(({ text }: { text: string }) => text), [" w2", " w6"]);
    const vectors = await made("/v1/embeddings", { input: ["ab", [1, 2, 3]] });
    assert.deepEqual(vectors.data.map(({ embedding }: Fields) => embedding), [[2, 0], [3, 0]]);
    assert.deepEqual(vectors.usage, { prompt_tokens: 2, total_tokens: 2 });
    const response = await made("/v1/responses", { input: "w1", max_output_tokens: 2 });
    assert.deepEqual([response.object, response.store], ["response", false]);
    assert.equal((await call(harness, "GET", `/responses/${response.id}`)).status, 404);
    const kept = await made("/v1/responses", { input: "w1", max_output_tokens: 2, store: true });
    assert.deepEqual((await call(harness, "GET", `/responses/${kept.id}`)).body, kept);
    const next = await made("/v1/responses", {
      ...{ input: [{ role: "user", content: "w2" }], max_output_tokens: 2 },
      previous_response_id: kept.id,
    });
    assert.equal(next.previous_response_id, kept.id);
    assert.equal(harness.pool.only().executions.at(-1)?.messages?.length, 3);
  }));

/** A function whose schema has twice as many levels as objects. */
function deepTool(objects: number): unknown {
  let parameters: unknown = { type: "object" };
  for (let count = 1; count < objects; count++) {
    parameters = { type: "object", properties: { a: parameters } };
  }
  return { type: "function", function: { name: "f", parameters } };
}

Deno.test("a bad line is an error of that line", () =>
  withHarness({}, async (harness) => {
    await load(harness);
    const good = chat("w1");
    const batch = await ended(
      harness,
      await begin(harness, CHAT, [
        good,
        "{",
        "",
        line("r1", good, CHAT),
        line("url", good, "/v1/embeddings"),
        line("stream", { ...good, stream: true }, CHAT),
        line("background", { ...good, background: true }, CHAT),
        line("field", { ...good, temperature: 999 }, CHAT),
        line("model", { ...good, model: "nope" }, CHAT),
        line("deep", { ...good, tools: [deepTool(100)] }, CHAT),
        JSON.stringify({ method: "GET", url: CHAT, body: good }),
        "[]",
      ]),
    );
    assert.equal(batch.status, "completed");
    assert.deepEqual(batch.request_counts, { total: 11, completed: 1, failed: 10 });
    const lines = await results(harness, batch.error_file_id);
    assert.match(
      lines.at(-3)?.response?.body.error.message,
      /: the line has more than 192 levels$/,
    );
    assert.deepEqual(
      lines.map(({ custom_id, response }) => [
        custom_id,
        response?.status_code,
        response?.body.error.param ?? response?.body.error.code,
      ]),
      [
        [null, 400, "invalid_request"],
        ["r1", 400, "custom_id"],
        ["url", 400, "url"],
        ["stream", 400, "body.stream"],
        ["background", 400, "body.background"],
        ["field", 400, "body.temperature"],
        ["model", 404, "model_not_found"],
        [null, 400, "invalid_request"],
        [null, 400, "custom_id"],
        [null, 400, "invalid_request"],
      ],
    );
  }));

Deno.test("what fails for a while is tried again", () =>
  withHarness({ failover: { max_attempts: 1 } }, async (harness) => {
    await load(harness);
    harness.pool.only().allow(0);
    const begun = await begin(harness, CHAT, [chat("w1")]);
    await until("the line runs", () => harness.pool.only().executions.length === 2);
    const [id] = harness.pool.workers.keys();
    await harness.pool.kill(id!);
    const batch = await ended(harness, begun);
    assert.deepEqual(batch.request_counts, { total: 1, completed: 1, failed: 0 });
  }));

Deno.test("a cancelled batch has what was answered, and the rest as errors", () =>
  withHarness({}, async (harness) => {
    await load(harness);
    const worker = harness.pool.only();
    worker.allow(2);
    harness.pool.slots = 1;
    await harness.pool.report();
    const begun = await begin(harness, CHAT, [chat("w1"), chat("w2"), chat("w3")]);
    await until(
      "one line has ended",
      async () => (await get(harness, begun.id)).request_counts.completed === 1,
    );
    const { status, body } = await call(harness, "POST", `/batches/${begun.id}/cancel`);
    assert.equal(status, 200);
    assert.ok(["cancelling", "cancelled"].includes(String(body["status"])));
    const batch = await ended(harness, begun);
    assert.equal(batch.status, "cancelled");
    assert.ok(batch.cancelling_at !== null && batch.cancelled_at !== null);
    assert.deepEqual(batch.request_counts, { total: 3, completed: 1, failed: 2 });
    assert.equal((await results(harness, batch.output_file_id)).length, 1);
    const errors = await results(harness, batch.error_file_id);
    assert.deepEqual(
      errors.map(({ custom_id, response, error }) => [custom_id, response, error?.code]),
      [["r2", null, "batch_cancelled"], ["r3", null, "batch_cancelled"]],
    );
    assert.equal((await call(harness, "POST", `/batches/${begun.id}/cancel`)).status, 200);
    const { queued, running } = await queueOf(harness);
    assert.deepEqual([queued, running], [0, 0]);
  }));

/** Numbers of waiting and running jobs. */
async function queueOf({ url }: { url: string }): Promise<{ queued: number; running: number }> {
  const { jobs, running } = await (await fetch(`${url}/v2/queue`)).json();
  return { queued: jobs.length, running: running.length };
}

Deno.test("a batch whose window is over expires, after a restart too", () =>
  withHarness({ stop_deadline_ms: 1 }, async (harness) => {
    await load(harness);
    harness.pool.only().allow(2);
    harness.pool.slots = 1;
    await harness.pool.report();
    const begun = await begin(harness, CHAT, [chat("w1"), chat("w2"), chat("w3")]);
    await until(
      "one line has ended",
      async () => (await get(harness, begun.id)).request_counts.completed === 1,
    );
    await harness.restart((db) => db.exec("UPDATE batches SET expires_at = 1"));
    const batch = await ended(harness, begun);
    assert.equal(batch.status, "expired");
    assert.ok(batch.expired_at !== null);
    assert.deepEqual(batch.request_counts, { total: 3, completed: 1, failed: 2 });
    const errors = await results(harness, batch.error_file_id);
    assert.deepEqual(errors.map(({ error }) => error?.code), ["batch_expired", "batch_expired"]);
  }));

Deno.test("a batch leaves room in the queue for others", () =>
  withHarness({ queue: { capacity: 10 }, batches: { max_waiting: 100 } }, async (harness) => {
    await load(harness);
    harness.pool.only().allow(0);
    harness.pool.slots = 1;
    await harness.pool.report();
    const begun = await begin(harness, CHAT, Array.from({ length: 30 }, (_, n) => chat(`w${n}`)));
    const lines = async () => {
      const { tasks } = await harness.client.call(routes.listTasks, { query: { limit: "500" } });
      return tasks.filter(({ priority }) => priority === "batch").length;
    };
    await until("a line has the slot and others wait", async () => await lines() >= 6);
    assert.deepEqual(await queueOf(harness), { queued: 5, running: 1 });
    const others = await Promise.all(
      Array.from({ length: 5 }, () =>
        call(harness, "POST", "/responses", {
          ...{ model: "counter", input: "w1", max_output_tokens: 1, background: true },
        })),
    );
    assert.deepEqual(others.map(({ status }) => status), [200, 200, 200, 200, 200]);
    harness.pool.only().allow(Infinity);
    assert.equal((await ended(harness, begun)).request_counts.completed, 30);
  }));

Deno.test("batches keep to the bounds of their key, and leave it a job", () =>
  withGuarded({ batches: { max_open: 1 } }, async (guarded) => {
    const pool = await guarded.pool();
    pool.tokens = 0;
    pool.slots = 8;
    const { secret } = await guarded.key({ name: "a", limits: { concurrent_jobs: 3 } });
    const own = { "x-api-key": secret };
    const begun = await begin(guarded, CHAT, [1, 2, 3, 4].map((n) => chat(`w${n}`)), own);
    await until("two run", () => pool.workers.size > 0 && pool.only().executions.length === 2);
    const refused = await call(guarded, "POST", "/batches", {
      input_file_id: begun.input_file_id,
      endpoint: CHAT,
      completion_window: "24h",
    }, own);
    assert.equal(refused.status, 429);
    const used = await call(guarded, "DELETE", `/files/${begun.input_file_id}`, undefined, own);
    assert.equal(used.status, 409);
    pool.only().allow(Infinity);
    const reply = await call(guarded, "POST", "/chat/completions", {
      model: "counter",
      ...chat("w1"),
    }, own);
    assert.equal(reply.status, 200);
    assert.equal((await ended(guarded, begun, own)).request_counts.completed, 4);
  }));

Deno.test("files and batches belong to their key, and go with it", () =>
  withGuarded({}, async (guarded) => {
    const pool = await guarded.pool();
    const keys = [];
    for (const role of ["client", "client", "operator"] as const) {
      keys.push(await guarded.key({ name: `k${keys.length}`, role }));
    }
    const [own, other, operator] = keys.map(({ secret }) => ({ "x-api-key": secret }));
    const batch = await ended(guarded, await begin(guarded, CHAT, [chat("w1")], own), own);
    assert.equal(batch.status, "completed");
    const paths = [
      ["GET", `/files/${batch.input_file_id}`],
      ["GET", `/files/${batch.output_file_id}`],
      ["GET", `/files/${batch.output_file_id}/content`],
      ["DELETE", `/files/${batch.input_file_id}`],
      ["GET", `/batches/${batch.id}`],
      ["POST", `/batches/${batch.id}/cancel`],
    ] as const;
    for (const [method, path] of paths) {
      const { status } = await call(guarded, method, path, undefined, other);
      assert.equal(status, 404, `${method} ${path}`);
    }
    const theirs = await call(guarded, "POST", "/batches", {
      input_file_id: batch.input_file_id,
      endpoint: CHAT,
      completion_window: "24h",
    }, other);
    assert.equal(theirs.status, 404);
    const listed = async (path: string, headers = {}) =>
      ((await call(guarded, "GET", path, undefined, headers)).body["data"] as unknown[]).length;
    assert.deepEqual(
      [
        await listed("/files", own),
        await listed("/files", other),
        await listed("/files", operator),
      ],
      [2, 0, 2],
    );
    assert.deepEqual(
      [await listed("/batches", own), await listed("/batches", other)],
      [1, 0],
    );
    assert.equal((await get(guarded, batch.id, operator)).id, batch.id);

    pool.only().allow(0);
    const running = await begin(guarded, CHAT, [chat("w1"), chat("w2"), chat("w3")], own);
    const revoked = await fetch(`${guarded.url}/v2/keys/${keys[0]!.key_id}`, {
      method: "DELETE",
      headers: operator!,
    });
    assert.equal(revoked.status, 200);
    await revoked.body?.cancel();
    assert.deepEqual([await listed("/files", operator), await listed("/batches", operator)], [
      0,
      0,
    ]);
    pool.only().allow(Infinity);
    const gone = await call(guarded, "GET", `/batches/${running.id}`, undefined, operator);
    assert.equal(gone.status, 404);
  }));

Deno.test("a batch of an empty file fails, and one of no such file is refused", () =>
  withHarness({}, async (harness) => {
    const batch = await begin(harness, CHAT, [" ", ""]);
    assert.deepEqual([batch.status, batch.errors?.data[0]?.code], ["failed", "empty_file"]);
    const create = (fields: Fields) =>
      call(harness, "POST", "/batches", {
        ...{ input_file_id: batch.input_file_id, endpoint: CHAT, completion_window: "24h" },
        ...fields,
      });
    assert.equal((await create({ input_file_id: "file-none" })).status, 404);
    assert.equal((await create({ endpoint: "/v1/models" })).status, 400);
    assert.equal((await create({ completion_window: "1h" })).status, 400);
    const metadata = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`${n}`, ""]));
    assert.equal((await create({ metadata })).status, 400);
    assert.equal((await call(harness, "POST", `/batches/${batch.id}/cancel`)).status, 409);
    assert.equal((await call(harness, "GET", "/batches/none")).status, 404);
    const { body } = await call(harness, "GET", "/batches?limit=1");
    assert.deepEqual([body["last_id"], body["has_more"]], [batch.id, false]);
  }));

Deno.test("an embedding of a batch goes on after a restart", () =>
  withHarness({ stop_deadline_ms: 1 }, async (harness) => {
    await load(harness);
    const worker = harness.pool.only();
    worker.allow(0);
    const begun = await begin(harness, "/v1/embeddings", [{ input: "abcd" }]);
    await until("a worker has it", () => worker.calls === 1);
    await harness.restart();
    await harness.pool.register();
    worker.allow(Infinity);
    const batch = await ended(harness, begun);
    const [only] = await results(harness, batch.output_file_id);
    assert.deepEqual(only?.response?.body.data[0].embedding, [4, 0]);
    assert.equal(worker.calls, 2);
    const { tasks } = await (await fetch(`${harness.url}/v2/tasks`)).json();
    assert.equal(tasks.length, 2);
  }));

Deno.test("what was done but not noted before a kill is not done again", () =>
  withHarness({ stop_deadline_ms: 1 }, async (harness) => {
    await load(harness);
    const bodies = [chat("w1"), chat("w2"), "{"];
    const first = await ended(harness, await begin(harness, CHAT, bodies));
    const lines = await results(harness, first.output_file_id);
    const count = harness.pool.only().executions.length;
    // As if the process had been killed after the files were written, and before the jobs were noted.
    await harness.restart((db) => {
      db.exec(`UPDATE batches SET ended_at = NULL, status = 'finalizing', completed = 0, failed = 0,
        output_file_id = NULL, error_file_id = NULL`);
    });
    await harness.pool.register();
    const batch = await ended(harness, first);
    assert.deepEqual(batch.request_counts, { total: 3, completed: 2, failed: 1 });
    assert.deepEqual(await results(harness, batch.output_file_id), lines);
    assert.equal((await results(harness, batch.error_file_id)).length, 1);
    assert.equal(harness.pool.only().executions.length, count);
    const { body } = await call(harness, "GET", "/files");
    assert.equal((body["data"] as unknown[]).length, 3);
  }));

Deno.test("a batch waits while no pool is there, and its lines do not fail", () =>
  withHarness({}, async (harness) => {
    await harness.client.call(routes.deregisterPool, {
      params: { id: "p1" },
      body: { instance_id: "i1" },
    });
    const begun = await begin(harness, CHAT, [chat("w1")]);
    await until("it is begun", async () => (await get(harness, begun.id)).status === "in_progress");
    await harness.pool.register();
    const batch = await ended(harness, begun);
    assert.deepEqual(batch.request_counts, { total: 1, completed: 1, failed: 0 });
  }));

Deno.test("a batch is created whatever its content type says, as curl -d sends it", () =>
  withHarness({}, async (harness) => {
    await load(harness);
    const file = await upload(harness, line("r1", chat("w1"), CHAT));
    const body = { input_file_id: file.id, endpoint: CHAT, completion_window: "24h" };
    for (const type of ["application/x-www-form-urlencoded", ""]) {
      const reply = await call(harness, "POST", "/batches", body, { "content-type": type });
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
    }
  }));
