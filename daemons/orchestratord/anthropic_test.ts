import assert from "node:assert/strict";
import { anthropicErrorBody, messagesEvent } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { readSse } from "#shared/http/sse.ts";
import { withGuarded } from "./testing/guarded.ts";
import { withHarness } from "./testing/harness.ts";
import { FIRST, SCRIPT, SCRIPT_END } from "./testing/scripted_answer.ts";

const request = {
  model: "counter",
  max_tokens: 100,
  messages: [{ role: "user", content: "hi" }],
};

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

Deno.test("events of a streamed message come in Anthropic's order, under their names", () =>
  withHarness({}, async ({ url, pool }) => {
    pool.onSpawn = (_, worker) => {
      worker.script = SCRIPT.slice(0, 6);
      worker.startedFields = { tokens_in: 9, tokens_cached: 4 };
      worker.endFields = { ...SCRIPT_END, tool_calls: SCRIPT_END.tool_calls!.slice(0, 1) };
    };
    const reply = await post(`${url}/v1/messages?beta=true`, { ...request, stream: true });
    assert.match(reply.headers.get("content-type")!, /^text\/event-stream/);
    const events = [];
    for await (const { event, data } of readSse(reply.body!)) {
      const parsed = messagesEvent.parse(JSON.parse(data));
      assert.equal(event, parsed.type);
      events.push(parsed);
    }
    assert.deepEqual(
      events.map((each) => "index" in each ? `${each.type} ${each.index}` : each.type),
      [
        "message_start",
        "content_block_start 0",
        "ping",
        ...["content_block_delta 0", "content_block_delta 0", "content_block_stop 0"],
        ...["content_block_start 1", "content_block_delta 1", "content_block_stop 1"],
        ...["content_block_start 2", "content_block_delta 2", "content_block_delta 2"],
        ...["content_block_stop 2", "message_delta", "message_stop"],
      ],
    );
    const [start] = events;
    assert.ok(start?.type === "message_start");
    assert.match(start.message.id, /^msg_./);
    assert.deepEqual(start.message.usage, {
      ...{ input_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 4 },
      output_tokens: 0,
    });
    assert.deepEqual(
      events.flatMap((each) => each.type === "content_block_start" ? [each.content_block] : []),
      [
        { type: "thinking", thinking: "", signature: "" },
        { type: "text", text: "" },
        { type: "tool_use", ...FIRST, input: {} },
      ],
    );
  }));

Deno.test("a message that fails in the middle ends with Anthropic's error event", () =>
  withHarness({}, async ({ url, pool }) => {
    pool.onSpawn = (_, worker) => {
      worker.prompt = { done: 1, total: 2 };
      worker.failWith = new LlorchError("INVALID_REQUEST", "No");
    };
    const reply = await post(`${url}/v1/messages`, { ...request, stream: true });
    const events = [];
    for await (const { event, data } of readSse(reply.body!)) {
      events.push([event, JSON.parse(data).type]);
      if (event !== "error") continue;
      const { error } = anthropicErrorBody.parse(JSON.parse(data));
      assert.deepEqual([error.type, error.message], ["invalid_request_error", "No"]);
    }
    assert.deepEqual(events.at(-1), ["error", "error"]);
  }));

Deno.test("errors of Anthropic's paths have its form, whatever is wrong", () =>
  withGuarded({}, async ({ url, key }) => {
    const { secret } = await key({ name: "a", role: "client" });
    const withKey = { "x-api-key": secret };
    const get = (path: string) => fetch(url + path, { headers: withKey });
    for (
      const [reply, status, type] of [
        [await post(`${url}/v1/messages`, request), 401, "authentication_error"],
        [await post(`${url}/v1/messages`, {}, withKey), 400, "invalid_request_error"],
        [await post(`${url}/v1/messages`, request, withKey), 503, "overloaded_error"],
        [await get("/v1/messages"), 405, "invalid_request_error"],
        [await get("/v1/messages/batches"), 404, "not_found_error"],
        [await post(`${url}/v1/messages/count_tokens`, {}, withKey), 400, "invalid_request_error"],
      ] as const
    ) {
      assert.equal(reply.status, status);
      const { error, request_id } = anthropicErrorBody.parse(await reply.json());
      assert.equal(error.type, type);
      assert.equal(request_id, reply.headers.get("x-correlation-id"));
    }
  }));

Deno.test("models are listed in Anthropic's shape for who sends its version", () =>
  withHarness({}, async ({ url }) => {
    const headers = { "anthropic-version": "2023-06-01" };
    const get = async (path: string) => await (await fetch(url + path, { headers })).json();
    const list = await get("/v1/models?limit=1000");
    const model = list.data.find(({ id }: { id: string }) => id === "counter");
    assert.deepEqual(model, {
      type: "model",
      id: "counter",
      display_name: "counter",
      created_at: "1970-01-01T00:00:00.000Z",
    });
    assert.deepEqual([list.has_more, list.first_id], [false, list.data[0].id]);
    assert.deepEqual(await get("/v1/models/counter"), model);
  }));

Deno.test("tokens of a prompt are counted as its answer would count them, and cost nothing", () =>
  withHarness({}, async ({ url, pool }) => {
    const tools = [{ name: "f", input_schema: { type: "object" } }];
    const asked = { ...request, system: "s", tools, thinking: { type: "disabled" } };
    const { max_tokens: _, ...body } = asked;
    const reply = await post(`${url}/v1/messages/count_tokens`, body);
    assert.deepEqual([reply.status, await reply.json()], [200, { input_tokens: 1 }]);
    const messages = [{ role: "system" as const, content: "s" }, ...request.messages];
    const parameters = { type: "object" };
    assert.deepEqual(pool.only().counted.at(-1), {
      messages,
      tools: [{ type: "function", function: { name: "f", parameters } }],
      reasoning_effort: "none",
    });
    assert.equal(pool.only().executions.length, 0);
  }));
