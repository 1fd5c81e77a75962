import assert from "node:assert/strict";
import {
  orchestratorRoutes,
  response,
  responseEvent,
  type ResponseObject,
} from "#shared/contracts/mod.ts";
import { readSse } from "#shared/http/sse.ts";
import { until } from "../../tests/support/stack.ts";
import { withGuarded } from "./testing/guarded.ts";
import { type Harness, withHarness } from "./testing/harness.ts";

type At = { readonly url: string };
type Fields = Record<string, unknown>;

async function call(
  { url }: At,
  method: string,
  path: string,
  body?: Fields,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Fields & { error?: { code: string; message: string } } }> {
  const reply = await fetch(`${url}/v1/responses${path}`, {
    method,
    headers: { ...(body ? { "content-type": "application/json" } : {}), ...headers },
    ...(body ? { body: JSON.stringify({ model: "counter", ...body }) } : {}),
  });
  return { status: reply.status, body: await reply.json() };
}

const create = async (at: At, body: Fields, headers = {}): Promise<ResponseObject> => {
  const made = await call(at, "POST", "", body, headers);
  assert.equal(made.status, 200, JSON.stringify(made.body));
  return response.parse(made.body);
};
const get = async (at: At, id: string) => (await call(at, "GET", `/${id}`)).body;
const textOf = ({ output }: ResponseObject) =>
  output.flatMap((item) => item.type === "message" ? item.content : []).map(({ text }) => text)
    .join("");

/** The events of a stream, each with its number and type. */
async function events(reply: Response, onEvent: (count: number) => void = () => {}) {
  assert.equal(
    reply.status,
    200,
    reply.headers.get("content-type")?.includes("json") ? await reply.text() : "",
  );
  const seen = [];
  for await (const { data } of readSse(reply.body!)) {
    const event = responseEvent.parse(JSON.parse(data)) as {
      type: string;
      sequence_number: number;
    };
    seen.push(event);
    onEvent(seen.length);
  }
  return seen;
}

/** The last messages that the only worker was asked with. */
const asked = ({ pool }: Harness) => pool.only().executions.at(-1)!.messages;

Deno.test("a response is stored by default, goes on, and is erased on demand", () =>
  withHarness({}, async (harness) => {
    const first = await create(harness, { input: "w1", max_output_tokens: 2, instructions: "one" });
    assert.equal(first.store, true);
    assert.deepEqual(await get(harness, first.id), first);
    const next = await create(harness, {
      input: [{ role: "user", content: "w2" }],
      previous_response_id: first.id,
      instructions: "two",
    });
    assert.equal(next.previous_response_id, first.id);
    const user = (content: string) => ({ role: "user", content });
    assert.deepEqual(asked(harness), [
      { role: "system", content: "two" },
      user("w1"),
      { role: "assistant", content: textOf(first) },
      user("w2"),
    ]);
    const [message] = first.output;
    const third = await create(harness, {
      input: [{ type: "item_reference", id: message!.id }, { role: "user", content: "w3" }],
      previous_response_id: next.id,
      store: false,
    });
    assert.deepEqual(
      asked(harness)?.slice(-3),
      [
        { role: "assistant", content: textOf(next) },
        { role: "assistant", content: textOf(first) },
        user("w3"),
      ].slice(-3),
    );
    assert.equal((await call(harness, "GET", `/${third.id}`)).status, 404);
    const items = (await call(harness, "GET", `/${first.id}/input_items`)).body;
    assert.deepEqual(items["data"], [{
      ...{ type: "message", role: "user", content: [{ type: "input_text", text: "w1" }] },
      id: `in_${first.id.slice("resp_".length)}_0`,
    }]);
    assert.deepEqual((await call(harness, "DELETE", `/${first.id}`)).body, {
      ...{ id: first.id, object: "response", deleted: true },
    });
    for (const path of [`/${first.id}`, `/${first.id}/input_items`]) {
      assert.equal((await call(harness, "GET", path)).status, 404);
    }
    const broken = await call(harness, "POST", "", { input: "x", previous_response_id: next.id });
    assert.deepEqual([broken.status, broken.body.error?.code], [404, "not_found"]);
  }));

Deno.test("responses.store_default decides where the client says nothing", () =>
  withHarness({ responses: { store_default: false } }, async (harness) => {
    const made = await create(harness, { input: "w1", max_output_tokens: 1 });
    assert.equal(made.store, false);
    assert.equal((await call(harness, "GET", `/${made.id}`)).status, 404);
    const kept = await create(harness, { input: "w1", max_output_tokens: 1, store: true });
    assert.deepEqual(await get(harness, kept.id), kept);
  }));

Deno.test("a response whose client left is not stored", () =>
  withHarness({}, async (harness) => {
    await create(harness, { input: "w1", max_output_tokens: 1 });
    harness.pool.only().allow(2);
    const leave = new AbortController();
    const reply = await fetch(`${harness.url}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "counter", input: "w1", stream: true }),
      signal: leave.signal,
    });
    let id = "";
    await events(reply, (count) => {
      if (count === 6) leave.abort();
    }).catch(() => {});
    await until("the job is gone", async () => {
      const queue = await (await fetch(`${harness.url}/v2/queue`)).json();
      return queue.running.length === 0;
    });
    id = harness.pool.only().executions.at(-1)!.job_id;
    assert.equal((await call(harness, "GET", `/resp_${id}`)).status, 404);
  }));

Deno.test("a background response is made without its client, and streamed again from any event", () =>
  withHarness({}, async (harness) => {
    await create(harness, { input: "w1", max_output_tokens: 1 });
    harness.pool.only().allow(3);
    const begun = await create(harness, { input: "w1", max_output_tokens: 5, background: true });
    assert.ok(["queued", "in_progress"].includes(begun.status), begun.status);
    assert.deepEqual([begun.background, begun.store], [true, true]);
    const running = await call(harness, "POST", "", {
      input: "x",
      previous_response_id: begun.id,
    });
    assert.deepEqual([running.status, running.body.error?.code], [409, "conflict"]);
    const stream = (after?: number) =>
      fetch(
        `${harness.url}/v1/responses/${begun.id}?stream=true` +
          (after === undefined ? "" : `&starting_after=${after}`),
      );
    const whole = events(await stream());
    harness.pool.only().allow(Infinity);
    const all = await whole;
    assert.deepEqual(all.map((event) => event.sequence_number), all.map((_, index) => index));
    assert.deepEqual([all[0]?.type, all.at(-1)?.type], ["response.created", "response.incomplete"]);
    for (const after of [0, 3, all.length - 2]) {
      assert.deepEqual(await events(await stream(after)), all.slice(after + 1));
    }
    await until(
      "it is stored",
      async () => (await get(harness, begun.id))["status"] === "incomplete",
    );
    const { response: last } = all.at(-1) as unknown as { response: ResponseObject };
    assert.deepEqual(await get(harness, begun.id), last);
    assert.deepEqual((await call(harness, "POST", `/${begun.id}/cancel`)).body, last);
    const volatile = await create(harness, { input: "w1", max_output_tokens: 1 });
    const refused = await fetch(`${harness.url}/v1/responses/${volatile.id}?stream=true`);
    assert.equal(refused.status, 409);
    await refused.body?.cancel();
  }));

Deno.test("a background response outlives a restart and its worker", () =>
  withHarness({}, async (harness) => {
    await create(harness, { input: "w1", max_output_tokens: 1 });
    harness.pool.only().allow(2);
    const reply = await fetch(`${harness.url}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...{ model: "counter", input: "w1", max_output_tokens: 5 },
        ...{ background: true, stream: true },
      }),
    });
    const reader = readSse(reply.body!);
    const { value } = await reader.next();
    const { response: begun } = JSON.parse(value!.data) as { response: ResponseObject };
    await reader.return(undefined);
    for (const id of [...harness.pool.workers.keys()]) void harness.pool.crash(id);
    await harness.restart();
    await harness.pool.register();
    await until(
      "it has ended",
      async () => (await get(harness, begun.id))["status"] === "incomplete",
    );
    const made = response.parse(await get(harness, begun.id));
    assert.equal(made.usage?.output_tokens, 5);
    assert.equal(textOf(made).trim().split(" ").length, 5);
  }));

Deno.test("a background response can be cancelled, and erased while it runs", () =>
  withHarness({}, async (harness) => {
    await create(harness, { input: "w1", max_output_tokens: 1 });
    harness.pool.only().allow(0);
    const begun = await create(harness, { input: "w1", background: true });
    const cancelled = (await call(harness, "POST", `/${begun.id}/cancel`)).body;
    assert.equal(cancelled["status"], "cancelled");
    await until(
      "it is stored",
      async () => (await get(harness, begun.id))["status"] === "cancelled",
    );
    const other = await create(harness, { input: "w1", background: true });
    assert.equal((await call(harness, "DELETE", `/${other.id}`)).status, 200);
    assert.equal((await call(harness, "GET", `/${other.id}`)).status, 404);
  }));

Deno.test("an idempotency key makes one response, which the same request gets again", () =>
  withHarness({}, async (harness) => {
    const headers = { "idempotency-key": "k1" };
    const body = { input: "w1", max_output_tokens: 3 };
    const first = await create(harness, body, headers);
    const count = harness.pool.only().executions.length;
    const { created_at, ...again } = await create(harness, body, headers);
    assert.deepEqual({ created_at, ...again }, first);
    assert.equal(harness.pool.only().executions.length, count);
    const streamed = await fetch(`${harness.url}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: "counter", ...body, stream: true }),
    });
    const last = (await events(streamed)).at(-1) as unknown as { response: ResponseObject };
    assert.deepEqual(last.response, first);
    const other = await call(harness, "POST", "", { ...body, input: "w2" }, headers);
    assert.equal(other.status, 409);
    await until(
      "it is stored",
      async () => (await get(harness, first.id))["status"] === "incomplete",
    );
  }));

Deno.test("the same request with the same key at the same time makes one response", () =>
  withHarness({}, async (harness) => {
    await create(harness, { input: "w1", max_output_tokens: 1 });
    const headers = { "idempotency-key": "k1" };
    const body = { input: "w1", max_output_tokens: 3 };
    const all = await Promise.all(
      Array.from({ length: 8 }, () => create(harness, body, headers)),
    );
    assert.equal(new Set(all.map(({ id }) => id)).size, 1);
    assert.equal(harness.pool.only().executions.length, 2);
  }));

Deno.test("responses belong to their key: others find nothing, operators do", () =>
  withGuarded({}, async (guarded) => {
    const pool = await guarded.pool();
    await pool.register();
    const secrets = [];
    for (const role of ["client", "client", "operator"] as const) {
      secrets.push((await guarded.key({ name: `k${secrets.length}`, role })).secret);
    }
    const [own, other, operator] = secrets.map((secret) => ({ "x-api-key": secret }));
    const made = await create(guarded, { input: "w1", max_output_tokens: 1 }, own);
    const path = `/${made.id}`;
    for (
      const [method, at] of [["GET", path], ["DELETE", path], ["POST", `${path}/cancel`]] as const
    ) {
      const reply = await call(guarded, method, at, undefined, other);
      assert.deepEqual([reply.status, reply.body.error?.code], [404, "not_found"], method);
    }
    const chained = { input: "x", previous_response_id: made.id };
    assert.equal((await call(guarded, "POST", "", chained, other)).status, 404);
    const listed = async (headers?: Record<string, string>) => {
      const { body } = await call(guarded, "GET", "", undefined, headers);
      return (body as unknown as { data: { id: string }[] }).data.map(({ id }) => id);
    };
    assert.deepEqual(await listed(own), [made.id]);
    assert.deepEqual(await listed(other), []);
    assert.deepEqual(await listed(operator), [made.id]);
    assert.equal((await call(guarded, "GET", `?after=${made.id}`, undefined, other)).status, 404);
    assert.equal((await call(guarded, "GET", path, undefined, operator)).status, 200);
    assert.equal((await call(guarded, "GET", path, undefined, own)).status, 200);
  }));

Deno.test("a list of responses has the newest first, with their state, size and times", () =>
  withHarness({}, async (harness) => {
    const { reply } = orchestratorRoutes.listResponses;
    const page = async (query: string) => reply.parse((await call(harness, "GET", query)).body);
    assert.deepEqual(await page(""), {
      ...{ object: "list", data: [], has_more: false },
      ...{ first_id: null, last_id: null },
    });
    const first = await create(harness, { input: "w1", max_output_tokens: 1 });
    const next = { input: "w2", previous_response_id: first.id, max_output_tokens: 1 };
    const second = await create(harness, next);
    harness.pool.only().allow(0);
    const third = await create(harness, { input: "w1", background: true });

    const { data, ...ends } = await page("?limit=2");
    assert.deepEqual(ends, {
      ...{ object: "list", has_more: true },
      ...{ first_id: third.id, last_id: second.id },
    });
    const [running, ended] = data;
    assert.deepEqual([running!.status, running!.ended_at], ["in_progress", null]);
    const { created_at, ended_at, used_at, bytes, ...rest } = ended!;
    assert.deepEqual(rest, {
      ...{ id: second.id, object: "response", status: "incomplete", model: "counter" },
      previous_response_id: first.id,
    });
    assert.ok(created_at <= ended_at! && used_at >= ended_at! && bytes > 100);
    const older = await page(`?after=${second.id}`);
    assert.deepEqual([older.data.map(({ id }) => id), older.has_more], [[first.id], false]);
    assert.equal((await call(harness, "GET", "?after=resp_none")).status, 404);
  }));

Deno.test("a chain is bounded", () =>
  withHarness({ responses: { max_chain: 2 } }, async (harness) => {
    let previous_response_id: string | undefined;
    for (let count = 0; count < 3; count++) {
      const body = { input: "w1", max_output_tokens: 1, previous_response_id };
      if (count < 3) previous_response_id = (await create(harness, body)).id;
    }
    const { status, body } = await call(harness, "POST", "", { input: "x", previous_response_id });
    assert.equal(status, 400);
    assert.match(body.error!.message, /previous_response_id: continues more than 2 responses/);
  }));

Deno.test("a deleted response's job has neither request nor output any more, at once", () =>
  withHarness({}, async (harness) => {
    const job = (id: string) => `${harness.url}/v2/tasks/${id.slice("resp_".length)}`;
    const view = async (id: string) => await (await fetch(job(id))).json();
    const { id } = await create(harness, { input: "w1", max_output_tokens: 3, background: true });
    await until("it has ended", async () => (await get(harness, id)).status === "incomplete");
    assert.equal((await view(id)).output, " w1 w2 w3");
    assert.equal((await call(harness, "DELETE", `/${id}`)).status, 200);
    const { status, output } = await view(id);
    assert.deepEqual([status, output], ["completed", undefined]);
    const events = await fetch(`${job(id)}/events`);
    assert.equal(events.status, 410, await events.text());

    harness.pool.only().allow(2);
    const running = await create(harness, { input: "w1", background: true });
    await until("it has text", async () => (await view(running.id)).output !== undefined);
    assert.equal((await call(harness, "DELETE", `/${running.id}`)).status, 200);
    await until("it has ended", async () => (await view(running.id)).ended_at !== undefined);
    const ended = await view(running.id);
    assert.deepEqual([ended.status, ended.output], ["cancelled", undefined]);
  }));

/** A schema of two levels for each property. */
function deepSchema(properties: number): Fields {
  let schema: Fields = {};
  for (let count = 0; count < properties; count++) {
    schema = { type: "object", properties: { a: schema } };
  }
  return schema;
}

Deno.test("a schema that is nested too deep is refused before there is a job", () =>
  withHarness({}, async (harness) => {
    const format = (schema: Fields) => ({
      text: { format: { type: "json_schema", name: "x", schema } },
    });
    const tools = (parameters: Fields) => ({
      tools: [{ type: "function", name: "f", parameters }],
    });
    for (
      const fields of [format(deepSchema(3000)), tools(deepSchema(3000)), tools(deepSchema(100))]
    ) {
      for (const more of [{}, { background: true }, { stream: true }]) {
        const refused = await call(harness, "POST", "", { input: "x", ...fields, ...more });
        assert.equal(refused.status, 400);
        assert.match(refused.body.error!.message, /: the body has more than 192 levels$/);
      }
    }
    // The deepest that is allowed reaches the worker, where it stands a level deeper.
    const parameters = deepSchema(94);
    await create(harness, { input: "w1", max_output_tokens: 1, ...tools(parameters) });
    const { tools: [tool] = [] } = harness.pool.only().executions.at(-1)!;
    assert.deepEqual(tool?.function.parameters, parameters);
    assert.equal(harness.pool.only().executions.length, 1);
  }));
