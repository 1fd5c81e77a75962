import assert from "node:assert/strict";
import {
  type ChatChunk,
  chatChunk,
  chatCompletion,
  orchestratorRoutes as routes,
} from "#shared/contracts/mod.ts";
import { readSse } from "#shared/http/sse.ts";
import { follow, type Harness, type Received, withHarness } from "./testing/harness.ts";
import type { FakeWorker } from "./testing/fake_worker.ts";
import { CALLS, FIRST, SCRIPT, SCRIPT_END, SECOND, wholeCall } from "./testing/scripted_answer.ts";

const messages = [{ role: "user" as const, content: "hi" }];
const task = { model: "counter", messages, max_tokens: 100, seed: 1 };

/** Runs a test with a pool whose workers all say the same. */
function withScript(
  test: (harness: Harness) => Promise<void>,
  say = (worker: FakeWorker) => {
    worker.script = SCRIPT;
    worker.endFields = SCRIPT_END;
  },
): Promise<void> {
  return withHarness({}, async (harness) => {
    harness.pool.onSpawn = (_, worker) => say(worker);
    await harness.events(task);
    await test(harness);
  });
}

/** What of a stream's events must be the same however often its worker died. */
const lasting = (events: readonly Received[]) =>
  events.flatMap(({ id, event, data }) =>
    event === "token" || event === "end" ? [{ id, event, data }] : []
  );

/** The deltas of a streamed chat, with what ended it. */
async function chatStream(
  { url }: Harness,
  onChunk: (count: number) => void = () => {},
): Promise<ChatChunk["choices"]> {
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...task, stream: true }),
  });
  const choices: ChatChunk["choices"] = [];
  for await (const { data } of readSse(reply.body!)) {
    if (data === "[DONE]") return choices;
    choices.push(...chatChunk.parse(JSON.parse(data)).choices);
    onChunk(choices.length);
  }
  throw new Error("The stream broke off");
}

/** Ends the only worker, as kill -9 does; the next one may say all. */
function killOnly({ pool }: Harness): void {
  for (const id of pool.workers.keys()) void pool.crash(id);
}

Deno.test("a worker that dies in a thought or a call leaves no trace in its job's events", () =>
  withScript(async (harness) => {
    const { client, pool, events } = harness;
    const expected = lasting(await events(task));
    for (let said = 1; said < SCRIPT.length; said++) {
      pool.only().allow(said);
      const received: Received[] = [];
      let tokens = 0;
      for await (const event of follow(client, task)) {
        received.push(event);
        if (event.event === "token" && ++tokens === said) killOnly(harness);
      }
      assert.deepEqual(lasting(received), expected, `after ${said} events`);
      const [worker] = [...pool.workers.values()].map(({ worker }) => worker);
      const { resume_index, resume_tokens } = worker!.executions.at(-1)!;
      assert.deepEqual(
        { resume_index, resume_tokens },
        { resume_index: said, resume_tokens: SCRIPT.slice(0, said).flatMap(({ ids }) => ids) },
      );
    }
  }));

Deno.test("a worker that dies in a thought or a call leaves no trace in a chat's stream", () =>
  withScript(async (harness) => {
    const expected = await chatStream(harness);
    assert.deepEqual(expected.map(({ delta }) => delta), [
      { role: "assistant", content: "" },
      { reasoning_content: "Let me" },
      { reasoning_content: " see." },
      { content: "I look: " },
      {
        tool_calls: [{
          ...{ index: 0, id: FIRST.id, type: "function" },
          function: { name: FIRST.name, arguments: "" },
        }],
      },
      { tool_calls: [{ index: 0, function: { arguments: SCRIPT[4]!.t } }] },
      { tool_calls: [{ index: 0, function: { arguments: SCRIPT[5]!.t } }] },
      {
        tool_calls: [{
          ...{ index: 1, id: SECOND.id, type: "function" },
          function: { name: SECOND.name, arguments: "" },
        }],
      },
      { tool_calls: [{ index: 1, function: { arguments: "{}" } }] },
      {},
    ]);
    assert.equal(expected.at(-1)?.finish_reason, "tool_calls");
    for (const said of [1, 2, 4, 5, 7]) {
      harness.pool.only().allow(said);
      const chunks = await chatStream(harness, (count) => {
        // The role comes first.
        if (count === said + 1) killOnly(harness);
      });
      assert.deepEqual(chunks, expected, `after ${said} events`);
    }
  }));

Deno.test("a job shows its text, thoughts and calls apart, and replays its events", () =>
  withScript(async (harness) => {
    const live = await harness.events({ ...task, detached: true });
    const id = live.flatMap((each) => each.event === "queued" ? [each.data.job_id] : [])[0]!;
    await harness.restart();
    assert.deepEqual(
      await harness.events(id),
      live.filter(({ event }) => event !== "metrics"),
    );
    const job = await harness.client.call(routes.getTask, { params: { id } });
    assert.equal(job.output, "I look: ");
    assert.equal(job.reasoning, "Let me see.");
    assert.deepEqual(job.tool_calls, CALLS);
    assert.equal(job.usage?.reasoning_tokens, 3);
    const { tasks } = await harness.client.call(routes.listTasks, {});
    assert.equal("reasoning" in tasks[0]! || "tool_calls" in tasks[0]!, false);
  }));

Deno.test("a job that was cancelled in a call shows the call as far as it came", () =>
  withScript(async ({ client, pool }) => {
    pool.only().allow(5);
    const { job_id: id } = await client.call(routes.submit, { body: task });
    let tokens = 0;
    for await (const { event } of follow(client, id)) {
      if (event === "token" && ++tokens === 5) {
        await client.call(routes.cancelTask, { params: { id } });
      }
    }
    const job = await client.call(routes.getTask, { params: { id } });
    assert.equal(job.status, "cancelled");
    assert.deepEqual(job.tool_calls, [wholeCall(FIRST, SCRIPT[4]!.t)]);
  }));

Deno.test("calls of a worker that gives them only at the end reach a chat's stream there", () =>
  withScript(async (harness) => {
    const deltas = (await chatStream(harness)).map(({ delta }) => delta);
    assert.deepEqual(deltas, [
      { role: "assistant", content: "" },
      { content: " " },
      ...CALLS.map((call, index) => ({ tool_calls: [{ index, ...call }] })),
      {},
    ]);
  }, (worker) => {
    worker.script = [{ t: " ", ids: [1] }];
    worker.endFields = { stop_reason: "TOOL_CALLS", tool_calls: CALLS };
  }));

Deno.test("a whole chat has thoughts, calls and their tokens in its usage", () =>
  withScript(async ({ url }) => {
    const reply = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(task),
    });
    const { choices: [choice], usage } = chatCompletion.parse(await reply.json());
    assert.deepEqual(choice?.message, {
      role: "assistant",
      content: "I look: ",
      reasoning_content: "Let me see.",
      refusal: null,
      tool_calls: CALLS,
    });
    assert.equal(choice.finish_reason, "tool_calls");
    assert.deepEqual(usage.completion_tokens_details, { reasoning_tokens: 3 });
  }));

Deno.test("tokens of thinking are counted, and calls by what became of them", () =>
  withScript(async ({ url, events, pool }) => {
    const tools = [{ type: "function" as const, function: { name: "find" } }];
    const cut = [CALLS[0]!, wholeCall(SECOND, '{"a')];
    pool.only().endFields = { ...SCRIPT_END, stop_reason: "MAX_TOKENS", tool_calls: cut };
    await events({ ...task, tools });
    pool.only().endFields = { stop_reason: "EOS" };
    await events({ ...task, tools });
    const text = await (await fetch(`${url}/metrics`)).text();
    const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
    assert.equal(value("orchd_reasoning_tokens_total"), 6);
    // Two of the answer that began the test, and the first of the one that was cut.
    assert.equal(value('orchd_tool_calls_total\\{outcome="complete"\\}'), 3);
    assert.equal(value('orchd_tool_calls_total\\{outcome="cut"\\}'), 1);
    assert.equal(value('orchd_tool_calls_total\\{outcome="none"\\}'), 1);
  }));

Deno.test("a job shows whether its answer satisfies its schema, and such answers are counted", () =>
  withScript(async ({ client, url, events, pool }) => {
    for (const validated of [false, true]) {
      pool.only().endFields = { stop_reason: "EOS", validated };
      const ended = (await events(task)).at(-1);
      assert.ok(ended?.event === "end");
      assert.equal(ended.data.validated, validated);
    }
    const { tasks } = await client.call(routes.listTasks, { query: {} });
    const jobs = await Promise.all(
      tasks.map(({ job_id: id }) => client.call(routes.getTask, { params: { id } })),
    );
    assert.deepEqual(jobs.map((job) => job.validated), [true, false, undefined]);
    const text = await (await fetch(`${url}/metrics`)).text();
    assert.match(text, /orchd_validated_answers_total\{outcome="valid"\} 1\n/);
    assert.match(text, /orchd_validated_answers_total\{outcome="invalid"\} 1\n/);
  }));

Deno.test("numbers reach the worker in the client's digits, also after a restart", () =>
  withHarness({}, async (harness) => {
    const { pool } = harness;
    const schema = '{"type":"integer","minimum":1.0,"enum":[12345678901234567890,-0,1e3]}';
    const body = `{"model":"counter","max_tokens":2.0,"temperature":1.0,"chat_template_kwargs":
      {"at":1.50},"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function",
      "function":{"name":"f","arguments":{"z":1.0,"a":[9007199254740993]}}}]},{"role":"tool",
      "content":"1.0"}],"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`;
    const post = (path: string, text: string) =>
      fetch(harness.url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: text,
      });
    const bodies: string[] = [];
    pool.onSpawn = (_, worker) => worker.onBody = (text) => void bodies.push(text);
    const check = (text: string) => {
      assert.ok(text.includes(`"parameters":${schema}`), text);
      assert.ok(text.includes('"chat_template_kwargs":{"at":1.50}'), text);
      assert.ok(text.includes('"arguments":"{\\"z\\":1.0,\\"a\\":[9007199254740993]}"'), text);
      assert.ok(text.includes('"max_tokens":2,"temperature":1,'), text);
    };
    assert.equal((await post("/v1/chat/completions", body)).status, 200);
    check(bodies.pop()!);

    const own = body.replace(
      /"arguments":(\{.*?\})\}/,
      (_, given: string) => `"arguments":${JSON.stringify(given)}}`,
    ).replace('"model"', '"detached":true,"model"');
    for (const id of pool.workers.keys()) await pool.kill(id);
    pool.holdLoads = true;
    const accepted = await post("/v2/tasks", own);
    assert.equal(accepted.status, 202);
    const { job_id } = await accepted.json();
    await harness.restart();
    await pool.register();
    await pool.ready();
    await harness.events(job_id);
    check(bodies.pop()!);
  }));

Deno.test("the tokens of a long prompt are counted with all that they depend on", () =>
  withHarness({}, async ({ events, pool }) => {
    await events({ ...task, max_tokens: 1 });
    const long = "w1 ".repeat(500);
    const prompt = { prompt: long, suffix: "w2", special: true };
    await events({ model: "counter", max_tokens: 1, ...prompt });
    const chat = {
      messages: [{ role: "user" as const, content: long }, {
        role: "assistant" as const,
        content: "a",
      }],
      reasoning_effort: "low" as const,
      chat_template_kwargs: { enable_thinking: true },
      continue_final_message: false,
    };
    await events({ model: "counter", max_tokens: 1, ...chat });
    assert.deepEqual(pool.only().counted, [prompt, { ...chat, tools: [] }]);
  }));
