import assert from "node:assert/strict";
import {
  type BatchObject,
  batchObject,
  type FileObject,
  fileObject,
} from "#shared/contracts/mod.ts";
import { until } from "../../tests/support/stack.ts";
import { type Harness, withHarness } from "./testing/harness.ts";

type At = { readonly url: string };
type Fields = Record<string, unknown>;

async function call(
  { url }: At,
  method: string,
  path: string,
  body?: Fields | FormData,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Fields & { error?: { code: string; message: string } } }> {
  const isForm = body instanceof FormData;
  const reply = await fetch(`${url}/v1${path}`, {
    method,
    headers: { ...(body && !isForm ? { "content-type": "application/json" } : {}), ...headers },
    ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
  });
  return { status: reply.status, body: await reply.json() };
}

function form(text: string, purpose = "batch", name = "in.jsonl"): FormData {
  const fields = new FormData();
  fields.set("purpose", purpose);
  fields.set("file", new Blob([text]), name);
  return fields;
}

async function upload(at: At, text: string, headers = {}): Promise<FileObject> {
  const { status, body } = await call(at, "POST", "/files", form(text), headers);
  assert.equal(status, 200, JSON.stringify(body));
  return fileObject.parse(body);
}

/** Starts a batch of lines, each a body or a whole line as text. */
async function begin(
  at: At,
  endpoint: string,
  bodies: readonly (Fields | string)[],
  headers = {},
): Promise<BatchObject> {
  const lines = bodies.map((body, index) =>
    typeof body === "string" ? body : line(`r${index + 1}`, body, endpoint)
  );
  const file = await upload(at, lines.join("\n"), headers);
  const { status, body } = await call(at, "POST", "/batches", {
    input_file_id: file.id,
    endpoint,
    completion_window: "24h",
    metadata: { night: "1" },
  }, headers);
  assert.equal(status, 200, JSON.stringify(body));
  return batchObject.parse(body);
}

function line(custom_id: string, body: Fields, url: string): string {
  return JSON.stringify({ custom_id, method: "POST", url, body: { model: "counter", ...body } });
}

const get = async (at: At, id: string, headers = {}) =>
  batchObject.parse((await call(at, "GET", `/batches/${id}`, undefined, headers)).body);

async function ended(at: At, { id }: BatchObject, headers = {}): Promise<BatchObject> {
  const ends = ["completed", "failed", "expired", "cancelled"];
  await until(
    "the batch has ended",
    async () => ends.includes((await get(at, id, headers)).status),
  );
  return await get(at, id, headers);
}

interface ResultLine {
  readonly id: string;
  readonly custom_id: string | null;
  // deno-lint-ignore no-explicit-any
  readonly response: { status_code: number; request_id: string; body: any } | null;
  readonly error: { code: string; message: string } | null;
}

async function results({ url }: At, fileId: string | null, headers = {}): Promise<ResultLine[]> {
  if (fileId === null) return [];
  const reply = await fetch(`${url}/v1/files/${fileId}/content`, { headers });
  assert.equal(reply.status, 200);
  return (await reply.text()).split("\n").filter((each) => each !== "").map((each) =>
    JSON.parse(each)
  );
}

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
  withHarness({ batches: { max_waiting: 3 } }, async (harness) => {
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
