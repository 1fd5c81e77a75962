import assert from "node:assert/strict";
import { type ErrorCode, LlorchError } from "#shared/errors.ts";
import { llamaError } from "#shared/contracts/llamacpp/dialect.ts";
import {
  llamaErrorBody,
  nativeChunk,
  nativeCompletion,
  nativeEmbeddings,
  nativeProps,
} from "#shared/contracts/mod.ts";
import { readSse } from "#shared/http/sse.ts";
import { ROOT, withGuarded } from "./testing/guarded.ts";
import { type Harness, withHarness } from "./testing/harness.ts";

function post({ url }: Pick<Harness, "url">, path: string, body: unknown): Promise<Response> {
  return fetch(url + path, { method: "POST", body: JSON.stringify(body) });
}

async function json(reply: Promise<Response>): Promise<unknown> {
  const got = await reply;
  assert.equal(got.status, 200, `${got.url}: ${got.status}`);
  return await got.json();
}

Deno.test("/completion answers in llama-server's shape, whole and as a stream", () =>
  withHarness({}, async (harness) => {
    const body = { prompt: "w1", n_predict: 2, temperature: 0, stop: "w9", return_tokens: true };
    const whole = nativeCompletion.parse(await json(post(harness, "/completion", body)));
    assert.equal(whole.model, "counter");
    assert.deepEqual([whole.content, whole.tokens, whole.prompt], [" w2 w3", [2, 3], "w1"]);
    assert.deepEqual([whole.stop_type, whole.tokens_predicted], ["limit", 2]);
    assert.equal(whole.generation_settings["temperature"], 0);

    const reply = await post(harness, "/completion", { ...body, stream: true });
    const chunks = [];
    for await (const { data } of readSse(reply.body!)) {
      chunks.push(nativeChunk.parse(JSON.parse(data)));
    }
    assert.equal(chunks.map(({ content }) => content).join(""), " w2 w3");
    assert.deepEqual(chunks.flatMap(({ tokens }) => tokens), [2, 3]);
    assert.deepEqual(chunks.map(({ stop }) => stop), [false, false, true]);

    await json(post(harness, "/completion", { prompt: [1, 2], n_predict: 1 }));
    assert.deepEqual(harness.pool.only().executions.at(-1)?.prompt_tokens, [1, 2]);
  }));

Deno.test("/completion refuses in llama-server's words", () =>
  withHarness({}, async (harness) => {
    const reply = await post(harness, "/completion", { prompt: "w1", adaptive_target: 0.5 });
    assert.equal(reply.status, 400);
    const { error } = llamaErrorBody.parse(await reply.json());
    assert.equal(error.code, 400);
    assert.match(error.message, /adaptive_target: is not supported/);
  }));

Deno.test("errors have llama-server's types", () =>
  withGuarded({}, async (guarded) => {
    const { secret } = await guarded.key({ name: "c", role: "client" });
    await guarded.pool();
    const errorOf = async (path: string, key: string, init: RequestInit = {}) => {
      const headers = { authorization: `Bearer ${key}` };
      const reply = await fetch(guarded.url + path, { ...init, headers });
      const { error } = llamaErrorBody.parse(await reply.json());
      return [reply.status, error.code, error.type];
    };
    const asked = (body: object) => ({ method: "POST", body: JSON.stringify(body) });
    assert.deepEqual(await errorOf("/props", "none"), [401, 401, "authentication_error"]);
    assert.deepEqual(await errorOf("/tokenize", secret, asked({ content: 1 })), [
      ...[400, 400],
      "invalid_request_error",
    ]);
    assert.deepEqual(await errorOf("/props?model=nope", secret), [404, 404, "not_found_error"]);
    assert.deepEqual(await errorOf("/props/", secret, { method: "POST" }), [
      ...[501, 501],
      "not_supported_error",
    ]);
  }));

Deno.test("llamaError() has llama-server's type of each status", () => {
  const typeOf = (code: ErrorCode) => llamaError(new LlorchError(code, "x")).error.type;
  assert.equal(typeOf("FORBIDDEN"), "permission_error");
  assert.equal(typeOf("RATE_LIMITED"), "unavailable_error");
  assert.equal(typeOf("NOT_READY"), "unavailable_error");
  assert.equal(typeOf("INTERNAL"), "server_error");
});

Deno.test("/tokenize takes texts and token ids mixed, and no content", () =>
  withHarness({}, async (harness) => {
    const tokenize = (body: object) => json(post(harness, "/tokenize", body));
    assert.deepEqual(await tokenize({}), { tokens: [] });
    assert.deepEqual(await tokenize({ content: [], with_pieces: true }), { tokens: [] });
    assert.equal(harness.pool.spawns, 0);
    const mixed = { content: ["w1 w2", 9, "w1"], add_special: true };
    assert.deepEqual(await tokenize(mixed), { tokens: [0, 1, 9, 0] });
    const { counted } = harness.pool.only();
    assert.deepEqual(counted.map(({ add_special }) => add_special), [true, false]);
    assert.deepEqual(await tokenize({ content: ["w1", "w1 w2"], with_pieces: true }), {
      tokens: [{ id: 0, piece: "w1" }, { id: 0, piece: "w1" }, { id: 1, piece: "w2" }],
    });
    assert.deepEqual(await tokenize({ content: [9, "w1"], add_special: true }), {
      tokens: [9, 0],
    });
    assert.equal(counted.at(-1)?.add_special, false);
    for (
      const [body, wrong] of [
        [{ content: ["w1", 9], with_pieces: true }, /with_pieces: is not supported with token ids/],
        [
          { content: Array.from({ length: 65 }, () => "w1") },
          /content: must have at most 64 texts/,
        ],
        [{ content: 1 }, /content: must be a text, or a list of texts and token ids/],
      ] as const
    ) {
      const reply = await post(harness, "/tokenize", body);
      assert.equal(reply.status, 400);
      assert.match(llamaErrorBody.parse(await reply.json()).error.message, wrong);
    }
  }));

Deno.test("/tokenize, /detokenize and /apply-template ask a worker, and generate nothing", () =>
  withHarness({}, async (harness) => {
    const content = "w1 w2";
    assert.deepEqual(await json(post(harness, "/tokenize", { content })), { tokens: [0, 1] });
    const worker = harness.pool.only();
    assert.deepEqual(worker.counted.at(-1), {
      ...{ prompt: content, add_special: false, special: true, with_pieces: false },
      beyond_context: true,
    });
    const asked = { content, add_special: true, parse_special: false, with_pieces: true };
    assert.deepEqual(await json(post(harness, "/tokenize", asked)), {
      tokens: [{ id: 0, piece: "w1" }, { id: 1, piece: "w2" }],
    });
    assert.deepEqual([worker.counted.at(-1)?.add_special, worker.counted.at(-1)?.special], [
      true,
      false,
    ]);
    // A text that no context holds.
    const long = "w ".repeat(5000);
    const { tokens } = await json(post(harness, "/tokenize", { content: long })) as {
      tokens: number[];
    };
    assert.equal(tokens.length, 5001);

    const back = await json(post(harness, "/detokenize", { tokens: [7, 8] }));
    assert.deepEqual(back, { content: " w7 w8" });

    const tools = [{ type: "function", function: { name: "f" } }];
    const messages = [{ role: "developer", content: "a" }, { role: "user", content: "b" }];
    const chat = { messages, tools, chat_template_kwargs: { enable_thinking: false } };
    assert.deepEqual(await json(post(harness, "/apply-template", chat)), { prompt: "a|b" });
    const rendered = worker.rendered.at(-1)!;
    assert.deepEqual(rendered.tools?.map((tool) => tool.function.name), ["f"]);
    assert.deepEqual(rendered.chat_template_kwargs, { enable_thinking: false });
    assert.equal(worker.executions.length, 0);
  }));

Deno.test("/embedding gives a list of one vector for each text, normalised as it is asked for", () =>
  withHarness({}, async (harness) => {
    const content = ["abc", [1, 2]];
    const found = nativeEmbeddings.parse(await json(post(harness, "/embedding", { content })));
    assert.deepEqual(found, [{ index: 0, embedding: [[1, 0]] }, { index: 1, embedding: [[1, 0]] }]);
    const largest = { input: "abc", embd_normalize: 0 };
    const [first] = nativeEmbeddings.parse(await json(post(harness, "/embedding", largest)));
    assert.deepEqual(first?.embedding, [[32_760, 0]]);
    const raw = await post(harness, "/embedding", { input: "abc", embd_normalize: -1 });
    assert.match(llamaErrorBody.parse(await raw.json()).error.message, /embd_normalize/);
  }));

Deno.test("/props loads nothing, and tells no path", () =>
  withHarness({}, async (harness) => {
    const props = async (query = "") =>
      nativeProps.parse(await json(fetch(`${harness.url}/props${query}`)));
    const idle = await props();
    assert.deepEqual([idle.is_sleeping, idle.chat_template, idle.total_slots], [true, "", 1]);
    assert.equal(idle.default_generation_settings.n_ctx, 1000);
    assert.equal(harness.pool.spawns, 0);
    await json(post(harness, "/completion", { prompt: "w1", n_predict: 1 }));
    const loaded = await props("?model=counter");
    assert.deepEqual([loaded.is_sleeping, loaded.chat_template, loaded.total_slots], [
      false,
      "{{ messages }}",
      2,
    ]);
    assert.deepEqual([loaded.model_path, loaded.eos_token], ["counter", "</s>"]);
    assert.equal(loaded.default_generation_settings.params["temperature"], 0.8);
    assert.ok(!JSON.stringify(loaded).includes("/models"));

    const change = await post(harness, "/props", { default_generation_settings: {} });
    assert.equal(change.status, 501);
    assert.match(llamaErrorBody.parse(await change.json()).error.message, /the configuration/);
    const unknown = await fetch(`${harness.url}/props?model=nope`);
    assert.equal(unknown.status, 404);
    await unknown.body?.cancel();
  }));

Deno.test("/props says which models take images, and the context that a load will have", () =>
  withHarness({}, async (harness) => {
    const props = async () => nativeProps.parse(await json(fetch(`${harness.url}/props/`)));
    assert.equal((await props()).modalities.vision, false);
    harness.pool.vision = true;
    harness.pool.defaultContext = 300;
    await harness.pool.register();
    const found = await props();
    assert.deepEqual(found.modalities, { vision: true, video: false, audio: false });
    assert.equal(found.default_generation_settings.n_ctx, 300);
  }));

Deno.test("a client does not learn from /props which model a name stands for", () =>
  withGuarded(
    { names: { fast: { target: "counter" }, open: { target: "counter", show_target: true } } },
    async ({ url, key, pool }) => {
      const { secret } = await key({ name: "c", role: "client" });
      await pool();
      const call = (path: string, secret: string, init: RequestInit = {}) =>
        json(fetch(url + path, { ...init, headers: { authorization: `Bearer ${secret}` } }));
      const body = JSON.stringify({ model: "fast", prompt: "w1", n_predict: 1 });
      await call("/completion", secret, { method: "POST", body });
      const template = async (name: string, secret: string) =>
        nativeProps.parse(await call(`/props?model=${name}`, secret)).chat_template;
      assert.equal(await template("fast", secret), "");
      assert.equal(await template("open", secret), "{{ messages }}");
      assert.equal(await template("fast", ROOT), "{{ messages }}");
    },
  ));
