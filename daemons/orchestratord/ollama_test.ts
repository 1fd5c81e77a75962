import assert from "node:assert/strict";
import {
  ollamaEmbeddings,
  ollamaErrorBody,
  ollamaRunning,
  ollamaShow,
  ollamaTags,
  orchestratorRoutes as routes,
} from "#shared/contracts/mod.ts";
import { until } from "../../tests/support/stack.ts";
import { ROOT, withGuarded } from "./testing/guarded.ts";
import { withHarness } from "./testing/harness.ts";

const post = ({ url }: { readonly url: string }, path: string, body: unknown, method = "POST") =>
  // As `curl -d` sends it.
  fetch(url + path, {
    method,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const json = async (reply: Response | Promise<Response>) => await (await reply).json();

Deno.test("who asks for a page gets the console, everybody else hears that Ollama runs", () =>
  withHarness({}, async ({ url }) => {
    const get = (accept?: string, method = "GET") =>
      fetch(`${url}/`, { method, ...(accept ? { headers: { accept } } : {}) });
    for (const accept of [undefined, "*/*", "application/json"]) {
      assert.equal(await (await get(accept)).text(), "Ollama is running");
    }
    const page = await get("text/html,application/xhtml+xml,*/*;q=0.8");
    assert.match(await page.text(), /^<!doctype html>/i);
    assert.match(page.headers.get("content-security-policy")!, /default-src 'none'/);
    const head = await get(undefined, "HEAD");
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  }));

Deno.test("models are listed once, shown, and pulled if they are there", () =>
  withHarness({}, async (harness) => {
    const { url } = harness;
    const [model, ...others] = ollamaTags.parse(await json(fetch(`${url}/api/tags`))).models;
    // As Ollama's own, with a tag.
    assert.deepEqual([model?.name, model?.model], ["counter:latest", "counter:latest"]);
    assert.ok(!others.some(({ name }) => name.startsWith("counter")));
    assert.deepEqual(ollamaRunning.parse(await json(fetch(`${url}/api/ps`))), { models: [] });
    const loaded = await json(
      post(harness, "/api/chat", { model: "counter:latest", messages: [] }),
    );
    assert.deepEqual([loaded.done, loaded.done_reason], [true, "load"]);
    const { models } = ollamaRunning.parse(await json(fetch(`${url}/api/ps`)));
    assert.deepEqual(models.map(({ name }) => name), ["counter:latest"]);
    for (const name of [{ model: "counter" }, { name: "COUNTER:latest" }]) {
      const shown = ollamaShow.parse(await json(post(harness, "/api/show", name)));
      assert.ok(Number(shown.model_info[`${shown.details.family}.context_length`]) > 0);
      const pulled = await post(harness, "/api/pull", name);
      assert.equal(pulled.headers.get("content-type"), "application/x-ndjson");
      assert.match(await pulled.text(), /\n\{"status":"success"\}\n$/);
    }
    const whole = await json(post(harness, "/api/pull", { model: "counter", stream: false }));
    assert.deepEqual(whole, { status: "success" });
    const version = await json(fetch(`${url}/api/version`));
    assert.match(version.version, /^\d+\.\d+\.\d+$/);
    const [major, minor, patch] = version.version.split(".").map(Number);
    assert.ok(major * 1e6 + minor * 1e3 + patch >= 13_004, "Codex asks for 0.13.4");
  }));

Deno.test("a chat's messages, tools and options become a task", () =>
  withHarness({}, async (harness) => {
    const call = (name: string) => ({ function: { name, arguments: { x: 1 } } });
    const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };
    const reply = await post(harness, "/api/chat", {
      model: "counter",
      stream: false,
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: "u" },
        { role: "assistant", content: "", thinking: "t", tool_calls: [call("f"), call("g")] },
        { role: "tool", tool_name: "g", content: "from g" },
        { role: "tool", tool_name: "f", content: "from f" },
      ],
      tools: [tool],
      format: { type: "object" },
      think: "low",
      options: { num_predict: 3, temperature: 0, seed: 7, stop: ["x"], num_ctx: 4096, top_k: -1 },
      keep_alive: "5m",
    });
    assert.equal(reply.status, 200, await reply.text());
    const sent = harness.pool.only().executions.at(-1)!;
    const made = (name: string, id: string) => ({
      ...{ id, type: "function" },
      function: { name, arguments: '{"x":1}' },
    });
    assert.deepEqual(sent.messages, [
      { role: "system", content: "s" },
      { role: "user", content: "u" },
      {
        role: "assistant",
        content: "",
        reasoning_content: "t",
        tool_calls: [made("f", "call0"), made("g", "call1")],
      },
      { role: "tool", content: "from g", tool_call_id: "call1" },
      { role: "tool", content: "from f", tool_call_id: "call0" },
    ]);
    const { tools, json_schema, reasoning_effort, max_tokens, temperature, seed, stop, top_k } =
      sent;
    assert.deepEqual(tools, [tool]);
    assert.deepEqual([json_schema, reasoning_effort], [{ type: "object" }, "low"]);
    assert.deepEqual([max_tokens, temperature, seed, stop, top_k], [3, 0, 7, ["x"], 0]);
  }));

Deno.test("a prompt is a chat unless it is raw, or has a suffix", () =>
  withHarness({}, async (harness) => {
    const sent = async (body: object) => {
      const reply = await post(harness, "/api/generate", {
        ...{ model: "counter", stream: false, options: { num_predict: 1 } },
        ...body,
      });
      assert.equal(reply.status, 200, await reply.text());
      const { prompt, messages, suffix, special, chat_template_kwargs } = harness.pool.only()
        .executions.at(-1)!;
      return { prompt, messages, suffix, special, kwargs: chat_template_kwargs };
    };
    const none = { prompt: undefined, messages: undefined, suffix: undefined, special: undefined };
    const kwargs = { enable_thinking: true };
    assert.deepEqual(await sent({ prompt: "w1", system: "s", think: true }), {
      ...none,
      messages: [{ role: "system", content: "s" }, { role: "user", content: "w1" }],
      kwargs,
    });
    const raw = { ...none, prompt: "w1", special: true, kwargs: undefined };
    assert.deepEqual(await sent({ prompt: "w1", raw: true }), raw);
    const gap = { ...none, prompt: "a", suffix: "b", kwargs: undefined };
    assert.deepEqual(await sent({ prompt: "a", suffix: "b" }), gap);
  }));

Deno.test("texts are embedded in both of Ollama's shapes", () =>
  withHarness({}, async (harness) => {
    const model = "counter";
    const many = ollamaEmbeddings.parse(
      await json(post(harness, "/api/embed", { model, input: ["a", "bb"] })),
    );
    assert.deepEqual(many.embeddings, [[1, 0], [2, 0]]);
    assert.equal(many.prompt_eval_count, 2);
    const one = await json(post(harness, "/api/embeddings", { model, prompt: "abc" }));
    assert.deepEqual(one, { embedding: [3, 0] });
    const none = await json(post(harness, "/api/embed", { model, input: [] }));
    assert.deepEqual(none.embeddings, []);
    const short = await json(post(harness, "/api/embed", { model, input: ["abc"], dimensions: 1 }));
    assert.deepEqual(short.embeddings, [[1]], "cut to one number, of length 1 again");
    const more = await post(harness, "/api/embed", { model, input: ["abc"], dimensions: 3 });
    assert.match((await more.json()).error, /dimensions: must be at most 2/);
  }));

Deno.test("a text that the context cannot hold is cut to it, unless the client says no", () =>
  withHarness({}, async (harness) => {
    const model = "counter";
    const embed = (more: object) => post(harness, "/api/embed", { model, ...more });
    await embed({ input: "load" });
    const worker = harness.pool.only();
    worker.counted.length = 0;
    // A word is a token of the fake worker, whose context has 1000.
    const long = "a ".repeat(1500);
    const calls = worker.calls;
    for (const truncate of [undefined, null, true]) {
      const cut = ollamaEmbeddings.parse(await json(embed({ input: ["bb", long], truncate })));
      assert.deepEqual(cut.embeddings, [[2, 0], [997, 0]]);
    }
    assert.equal(worker.calls, calls + 3);
    const refused = await embed({ input: ["bb", long], truncate: false });
    assert.equal(refused.status, 400);
    assert.equal((await refused.json()).code, "CONTEXT_LENGTH_EXCEEDED");

    const counted = worker.counted.length;
    await embed({ input: "short" });
    assert.equal(worker.counted.length, counted, "what fits is not tokenized first");
  }));

Deno.test("errors are texts, and what changes files says who does it", () =>
  withHarness({}, async (harness) => {
    const status = async (reply: Response) => {
      const { error, code } = ollamaErrorBody.parse(await reply.json());
      return `${reply.status} ${code} ${error}`;
    };
    const asked = async (path: string, body: unknown, method?: string) =>
      await status(await post(harness, path, body, method));
    const chat = (more: object) => asked("/api/chat", { model: "counter", messages: [], ...more });
    assert.match(
      await chat({ model: "none" }),
      /^404 MODEL_NOT_FOUND .*llorch models download none/,
    );
    assert.match(await asked("/api/pull", { model: "none" }), /^404 .*llorch models download none/);
    assert.match(await asked("/api/show", {}), /^400 INVALID_REQUEST .*model: is needed/);
    assert.match(await asked("/api/chat", "{"), /^400 INVALID_REQUEST/);
    assert.match(await chat({ options: { mirostat: 3 } }), /options\.mirostat: must be 0, 1 or 2/);
    assert.match(await chat({ options: { tfs_z: 0.5 } }), /options\.tfs_z: is not supported/);
    const images = [{ role: "user", content: "", images: ["aGk="] }];
    assert.match(await chat({ messages: images }), /image input is not supported/);
    for (const path of ["/api/chat", "/api/generate"]) {
      const body = { model: "counter", messages: [] };
      const more = { logprobs: true, top_logprobs: 2 };
      assert.match(await asked(path, { ...body, ...more }), /^400 .*logprobs: is not supported/);
      for (const logprobs of [false, null]) {
        assert.equal((await post(harness, path, { ...body, logprobs })).status, 200);
      }
    }
    assert.match(await chat({ chat_template: "x" }), /chat_template/);
    assert.match(await asked("/api/generate", { model: "m", template: "x" }), /template: is not/);
    for (
      const [path, method] of [
        ["/api/copy"],
        ["/api/create"],
        ["/api/push"],
        ["/api/delete", "DELETE"],
      ] as const
    ) assert.match(await asked(path, { model: "counter" }, method), /^501 NOT_IMPLEMENTED /);
    const copy = await asked("/api/copy", { source: "counter", destination: "c" });
    assert.match(
      copy,
      /add \[names\.NAME\] with target = "MODEL" to orchestratord's configuration/,
    );
    assert.match(await status(await fetch(`${harness.url}/api/nothing`)), /^404 NOT_FOUND/);
    assert.match(await status(await fetch(`${harness.url}/api/chat`)), /^405 METHOD_NOT_ALLOWED/);
  }));

Deno.test("a key that may not see paths is shown none", () =>
  withGuarded({}, async (guarded) => {
    const { secret } = await guarded.key({ name: "c", role: "client" });
    const headers = { authorization: `Bearer ${secret}` };
    const reply = await fetch(`${guarded.url}/api/show`, {
      method: "POST",
      headers,
      body: JSON.stringify({ model: "file:/m/counter.gguf" }),
    });
    assert.equal(reply.status, 404);
    assert.match((await reply.json()).error, /Cannot use the path of a model's file/);
  }));

Deno.test("a chat is streamed as lines of JSON unless the client says no", () =>
  withHarness({}, async (harness) => {
    harness.pool.onSpawn = (_, worker) => {
      worker.script = [{ t: "a", ids: [1] }];
      worker.endFields = { stop_reason: "EOS" };
    };
    const messages = [{ role: "user", content: "hi" }];
    const reply = await post(harness, "/api/chat", { model: "counter", messages });
    assert.equal(reply.headers.get("content-type"), "application/x-ndjson");
    const lines = (await reply.text()).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ message, done }) => [message.content, done]), [
      ["a", false],
      ["", true],
    ]);
  }));

Deno.test("an operator's keep_alive unloads and pins; a client's does neither", () =>
  withGuarded({}, async (guarded) => {
    const pool = await guarded.pool();
    await pool.register();
    const { secret } = await guarded.key({ name: "c", role: "client" });
    const load = async (keep_alive: number, key: string) => {
      const reply = await fetch(`${guarded.url}/api/chat`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "counter", messages: [], keep_alive }),
      });
      assert.equal(reply.status, 200);
      return (await reply.json()).done_reason;
    };
    const isPinned = async () => (await guarded.root.call(routes.models, {})).models[0]?.pinned;
    assert.equal(await load(-1, secret), "load");
    assert.equal(await isPinned(), false);
    assert.equal(await load(0, secret), "load");
    assert.equal(await load(-1, ROOT), "load");
    assert.equal(await isPinned(), true);
    await guarded.root.call(routes.unpinModel, { params: { ref: "counter" }, body: {} });
    assert.equal(await load(0, ROOT), "unload");
    await until("its worker is gone", () => Promise.resolve(pool.workers.size === 0));
  }));

Deno.test("an operator's keep_alive of 0 unloads after embedding, too", () =>
  withGuarded({}, async (guarded) => {
    const pool = await guarded.pool();
    await pool.register();
    const { secret } = await guarded.key({ name: "c", role: "client" });
    const embed = async (path: string, body: object, key: string) => {
      const reply = await fetch(guarded.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "counter", keep_alive: 0, ...body }),
      });
      assert.equal(reply.status, 200, await reply.text());
    };
    for (
      const [path, body] of [
        ["/api/embed", { input: "a" }],
        ["/api/embed", { input: [] }],
        ["/api/embeddings", { prompt: "a" }],
      ] as const
    ) {
      await embed("/api/embed", { input: "a" }, secret);
      assert.equal(pool.workers.size, 1, "a client's unloads nothing");
      await embed(path, body, ROOT);
      await until("its worker is gone", () => Promise.resolve(pool.workers.size === 0));
    }
  }));

/** Milliseconds until the only loaded model ends, as `/api/ps` says. */
async function endsIn({ url }: { readonly url: string }): Promise<number> {
  const { models } = ollamaRunning.parse(await json(fetch(`${url}/api/ps`)));
  assert.equal(models.length, 1);
  return Date.parse(models[0]!.expires_at) - Date.now();
}

Deno.test("/api/ps says when a model will end: as configured, as its client said, or never", async () => {
  const load = (harness: { readonly url: string }, more = {}) =>
    json(post(harness, "/api/chat", { model: "counter", messages: [], ...more }));
  await withHarness({ models: { idle_ttl_ms: 600_000 } }, async (harness) => {
    await load(harness);
    const left = await endsIn(harness);
    assert.ok(left > 500_000 && left <= 600_000, String(left));
  });
  await withHarness({ models: { keep_alive_max_ms: 300_000 } }, async (harness) => {
    await load(harness, { keep_alive: "2h" });
    const left = await endsIn(harness);
    assert.ok(left > 200_000 && left <= 300_000, String(left));
    await load(harness);
    assert.ok(await endsIn(harness) > 1e12, "it stays, since a job did not say how long");
  });
});
