import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { withGuarded } from "./testing/guarded.ts";
import { FINGERPRINT, type Harness, withHarness } from "./testing/harness.ts";
import { until } from "../../tests/support/stack.ts";

const OTHER = "e".repeat(64);
const hello = [{ role: "user" as const, content: "w0" }];

/** Runs a test with the models "counter" and "other", and names for them. */
function withNames(
  names: Record<string, unknown>,
  test: (harness: Harness) => Promise<void>,
  more: Record<string, unknown> = {},
): Promise<void> {
  return withHarness({ names, ...more }, async (harness) => {
    harness.pool.models.set("other", OTHER);
    await harness.pool.register();
    await test(harness);
  });
}

async function post(url: string, path: string, body: unknown): Promise<Response> {
  return await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** The last execution of a pool's newest worker. */
function lastExecution({ pool }: Harness) {
  const executions = [...pool.workers.values()].flatMap(({ worker }) => worker.executions);
  return executions.at(-1)!;
}

/** A request of each dialect, and where its reply tells the model. */
const DIALECTS = [
  ["/v1/chat/completions", { messages: hello, max_tokens: 2 }],
  ["/v1/completions", { prompt: "w0", max_tokens: 2 }],
  ["/v1/responses", { input: "w0", max_output_tokens: 2 }],
  ["/v1/messages", { messages: hello, max_tokens: 2 }],
  ["/infill", { input_prefix: "w0", input_suffix: "", n_predict: 2 }],
  ["/completion", { prompt: "w0", n_predict: 2 }],
  ["/api/chat", { messages: hello, stream: false, options: { num_predict: 2 } }],
  ["/api/generate", { prompt: "w0", stream: false, options: { num_predict: 2 } }],
  ["/v1/embeddings", { input: "w0" }],
  ["/v1/rerank", { query: "q", documents: ["d"] }],
  ["/api/embed", { input: "w0" }],
] as const;

Deno.test("a name answers on every dialect, under its own name and with its parameters", () =>
  withNames(
    { fast: { target: "counter", parameters: { temperature: 0.1, top_k: 7 }, fixed: ["top_k"] } },
    async (harness) => {
      for (const [path, body] of DIALECTS) {
        const reply = await post(harness.url, path, { ...body, model: "Fast:latest", top_k: 3 });
        assert.equal(reply.status, 200, path);
        const { model } = await reply.json();
        assert.equal(model, "Fast:latest", path);
        if (/embed|rerank/.test(path)) continue;
        const { temperature, top_k, max_tokens } = lastExecution(harness);
        assert.deepEqual([temperature, top_k, max_tokens], [0.1, 7, 2], path);
      }
      const { tasks } = await harness.client.call(routes.listTasks, { query: {} });
      assert.deepEqual(tasks, []);

      const task = { model: "fast", prompt: "w0", max_tokens: 2, temperature: 0.8 };
      const events = await harness.events(task);
      const started = events.find(({ event }) => event === "started");
      assert.ok(started?.event === "started");
      assert.deepEqual([started.data.model, started.data.fallback], ["fast", undefined]);
      // As it happens, 0.8 is our default; it is still the client's own value.
      assert.deepEqual([lastExecution(harness).temperature, lastExecution(harness).top_k], [
        0.8,
        7,
      ]);
      const listed = await harness.client.call(routes.listTasks, { query: { model: "fast" } });
      assert.equal(listed.tasks.length, 1);

      const metrics = await (await fetch(`${harness.url}/metrics`)).text();
      const valueOf = (what: string) =>
        new RegExp(`^orchd_name_${what}_total{name="fast"} (\\d+)$`, "m").exec(metrics)?.[1];
      assert.equal(Number(valueOf("jobs")), DIALECTS.length + 1);
      assert.ok(Number(valueOf("tokens")) > 0);
      assert.equal(valueOf("fallbacks"), undefined);
    },
  ));

Deno.test("a fallback answers for a missing target on every dialect, and the reply says so", () =>
  withNames({ fast: { target: "gone", fallback: "counter" } }, async (harness) => {
    for (const [path, body] of DIALECTS) {
      const reply = await post(harness.url, path, { ...body, model: "fast" });
      assert.equal(reply.status, 200, path);
      assert.equal((await reply.json()).model, "counter", path);
    }
    for (
      const [path, body] of [
        ["/v1/chat/completions", { messages: hello }],
        ["/v1/messages", { messages: hello, max_tokens: 2 }],
        ["/v1/responses", { input: "w0" }],
        ["/api/chat", { messages: hello }],
      ] as const
    ) {
      const stream = await post(harness.url, path, { ...body, model: "fast", stream: true });
      const models = [...(await stream.text()).matchAll(/"model":"(\w+)"/g)].map(([, model]) =>
        model
      );
      assert.equal(models.at(-1), "counter", path);
    }
    const events = await harness.events({ model: "fast", prompt: "w0", max_tokens: 1 });
    const started = events.find(({ event }) => event === "started");
    assert.ok(started?.event === "started");
    assert.deepEqual([started.data.model, started.data.fallback], ["counter", true]);
    const jobs = await harness.client.call(routes.listTasks, { query: {} });
    assert.deepEqual(jobs.tasks.map(({ model }) => model), ["fast"]);
  }));

Deno.test("a fallback answers when the target does not load, and keeps the job through a restart", () =>
  withNames(
    { fast: { target: "counter", fallback: "other" } },
    async (harness) => {
      harness.pool.broken.add(FINGERPRINT);
      const reply = await post(harness.url, "/v1/chat/completions", {
        ...{ model: "fast", messages: hello, max_tokens: 1 },
      });
      assert.equal(reply.status, 200);
      assert.equal((await reply.json()).model, "other");

      const { worker } = [...harness.pool.workers.values()][0]!;
      worker.allow(1);
      const task = { model: "fast", prompt: "w3", max_tokens: 3, detached: true };
      const { job_id } = await harness.client.call(routes.submit, { body: task });
      await until("it has a token", async () => {
        const job = await harness.client.call(routes.getTask, { params: { id: job_id } });
        return job.output === " w4";
      });
      await harness.restart();
      await harness.pool.register();
      worker.allow(10);
      const events = await harness.events(job_id);
      const told = events.flatMap((each) => each.event === "started" ? [each.data.model] : []);
      assert.deepEqual(told, ["other"]);
      // Goes on with the tokens that the fallback has delivered.
      assert.deepEqual(lastExecution(harness).resume_tokens, [4]);
      assert.equal(events.at(-1)?.event, "end");
    },
    { workers: { breaker_failures: 1 }, stop_deadline_ms: 10 },
  ));

Deno.test("a fallback with a free slot answers when the queue is full", () =>
  withNames(
    { fast: { target: "counter", fallback: "other" } },
    async (harness) => {
      const { pool, client, url } = harness;
      pool.slots = 1;
      await harness.events({ model: "other", prompt: "w0", max_tokens: 1 });
      pool.tokens = 0;
      const task = { model: "counter", prompt: "w0", detached: true };
      const { job_id: id } = await client.call(routes.submit, { body: task });
      await until("the first job has started", async () => {
        const job = await client.call(routes.getTask, { params: { id } });
        return job.started_at !== undefined;
      });
      await client.call(routes.submit, { body: task });
      const ask = async (model: string) => {
        const reply = await post(url, "/v1/chat/completions", {
          model,
          messages: hello,
          max_tokens: 1,
        });
        return [reply.status, (await reply.json()).model];
      };
      assert.deepEqual(await ask("counter"), [429, undefined]);
      assert.deepEqual(await ask("fast"), [200, "other"]);
    },
    { queue: { capacity: 1 } },
  ));

Deno.test("after the first token no fallback is taken: the answer goes on, or fails", () =>
  withNames(
    { fast: { target: "counter", fallback: "other" } },
    async (harness) => {
      const { pool, client } = harness;
      pool.tokens = 1;
      const task = { model: "fast", prompt: "w0", max_tokens: 3, detached: true };
      const { job_id } = await client.call(routes.submit, { body: task });
      await until("it has a token", async () => {
        const job = await harness.client.call(routes.getTask, { params: { id: job_id } });
        return job.output === " w1";
      });
      pool.broken.add(FINGERPRINT);
      await pool.crash("worker-1");
      const events = await harness.events(job_id);
      const last = events.at(-1);
      assert.ok(last?.event === "error");
      assert.equal(last.data.code, "WORKER_START_FAILED");
      assert.equal(pool.spawns, 1);
    },
    { workers: { breaker_failures: 1 } },
  ));

Deno.test("a context that is smaller than the model's bounds prompt and answer together", () =>
  withNames({ short: { target: "counter", context: 12 } }, async (harness) => {
    const { url } = harness;
    const long = Array.from({ length: 20 }, (_, index) => `w${index}`).join(" ");
    // Before and after the model is loaded.
    for (const _ of ["not loaded", "loaded"]) {
      const reply = await post(url, "/v1/completions", { model: "short", prompt: long });
      assert.equal(reply.status, 400);
      const { error } = await reply.json();
      assert.equal(error.code, "context_length_exceeded");
      assert.deepEqual([error.n_prompt_tokens, error.n_ctx], [20, 12]);
    }
    const body = { model: "short", prompt: "a b c w0", max_tokens: 100 };
    assert.equal((await post(url, "/v1/completions", body)).status, 200);
    assert.equal(lastExecution(harness).max_tokens, 8);
    const { data } = await (await fetch(`${url}/v1/models`)).json();
    const listed = data.find(({ id }: { id: string }) => id === "short");
    assert.equal(listed.max_model_len, 12);
  }));

Deno.test("requests without a model get the default, or the only one; with several they are refused", () =>
  withHarness({}, async (harness) => {
    const { pool } = harness;
    const ask = async () => {
      const replies: string[] = [];
      for (const [path, body] of DIALECTS) {
        if (path.startsWith("/api/")) continue;
        const reply = await post(harness.url, path, body);
        const { model, error } = await reply.json();
        replies.push(model ?? `${reply.status} ${error.param ?? ""} ${error.message}`);
      }
      return new Set(replies);
    };
    assert.deepEqual(await ask(), new Set(["counter"]));
    // Names for the only model do not make a choice of it.
    harness.reload({ names: { fast: { target: "counter" } } });
    assert.deepEqual(await ask(), new Set(["counter"]));

    pool.models.set("other", OTHER);
    await pool.register();
    for (const refusal of await ask()) {
      assert.match(refusal, /^400 .*model: is needed: there are counter, fast, other$/);
    }
    harness.reload({ default_model: "fast", names: { fast: { target: "counter" } } });
    assert.deepEqual(await ask(), new Set(["fast"]));
    harness.reload({});
    assert.equal((await ask()).has("fast"), false);

    const counted = await post(harness.url, "/v1/messages/count_tokens", { messages: hello });
    assert.equal(counted.status, 400);
    const chat = await post(harness.url, "/api/chat", { messages: hello });
    assert.match((await chat.json()).error, /model/);
    assert.equal(chat.status, 400);
  }));

Deno.test("names are listed, and change with the configuration", () =>
  withNames({}, async (harness) => {
    const { url, client } = harness;
    const lists = async () => {
      const { data } = await (await fetch(`${url}/v1/models`)).json();
      const { models } = await (await fetch(`${url}/api/tags`)).json();
      const { names } = await client.call(routes.models, { query: {} });
      return [
        data.map(({ id }: { id: string }) => id),
        models.map(({ name }: { name: string }) => name.replace(/:latest$/, "")),
        names.map(({ name }) => name),
      ];
    };
    const plain = ["counter", "other"];
    assert.deepEqual(await lists(), [plain, plain, []]);
    harness.reload({
      names: {
        fast: { target: "counter", fallback: "other", parameters: { top_p: 1 }, context: 99 },
        lost: { target: "gone" },
        // It hides the model of that name, which operators still find by its path.
        other: { target: "counter" },
      },
    });
    const all = ["counter", "fast", "file:/models/other.gguf", "other"];
    assert.deepEqual(await lists(), [all, all, ["fast", "lost", "other"]]);
    const { names } = await client.call(routes.models, { query: {} });
    assert.deepEqual(names[0], {
      ...{ name: "fast", target: "counter", fallback: "other", answers: "counter" },
      ...{ parameters: { top_p: 1 }, fixed: [], context: 99, show_target: false, available: true },
    });
    assert.deepEqual([names[1]?.available, names[1]?.answers], [false, undefined]);
    const show = await post(url, "/api/show", { model: "fast" });
    assert.equal((await show.json()).model_info["llama.context_length"], 99);
    const lost = await post(url, "/v1/chat/completions", { model: "lost", messages: hello });
    assert.equal(lost.status, 404);
    assert.match((await lost.json()).error.message, /"lost", which stands for "gone"/);

    harness.reload({ names: { slow: { target: "counter" } } });
    const gone = await post(url, "/v1/chat/completions", { model: "fast", messages: hello });
    assert.equal(gone.status, 404);
    assert.deepEqual((await lists())[2], ["slow"]);
  }));

Deno.test("clients see what a name stands for only with show_target", () =>
  withGuarded({
    names: {
      hidden: { target: "counter", fallback: "gone", parameters: { top_p: 1 } },
      lost: { target: "gone" },
      shown: { target: "counter", show_target: true },
    },
  }, async ({ key, client, pool, url, root }) => {
    const counters = await pool();
    counters.facts = {
      ...{ parameters: 134_500_000, quantization: "Q4_K_M" },
      ...{ skills: ["completion"], modified_at: new Date(1e12).toISOString() },
    };
    await counters.register();
    const { secret } = await key({ name: "app" });
    const { names } = await client(secret).call(routes.models, { query: {} });
    assert.deepEqual(names, [
      { name: "hidden", available: true },
      { name: "lost", available: false },
      { name: "shown", target: "counter", answers: "counter", available: true },
    ]);
    const headers = { authorization: `Bearer ${secret}` };
    const { models } = await (await fetch(`${url}/api/tags`, { headers })).json();
    const digests = new Map(models.map((each: { name: string; digest: string }) => [
      each.name,
      each.digest,
    ]));
    assert.equal(digests.get("shown:latest"), FINGERPRINT);
    assert.notEqual(digests.get("hidden:latest"), FINGERPRINT);
    assert.equal(digests.has("lost"), false);
    const show = async (model: string) =>
      await (await fetch(`${url}/api/show`, {
        method: "POST",
        headers,
        body: JSON.stringify({ model }),
      })).json();
    const shown = await show("shown");
    assert.equal(shown.details.parameter_size, "134.5M");
    const { details, model_info } = await show("hidden");
    assert.deepEqual([details.family, details.parameter_size], ["unknown", ""]);
    assert.deepEqual(model_info, {
      "general.architecture": "unknown",
      "unknown.context_length": 1000,
    });

    const task = { model: "lost", prompt: "w0" };
    const refusal = async (by: typeof root) => {
      try {
        await by.call(routes.submit, { body: task });
      } catch (error) {
        return JSON.stringify([(error as Error).message, error]);
      }
      throw new Error("It was accepted");
    };
    assert.match(await refusal(root), /gone/);
    assert.doesNotMatch(await refusal(client(secret)), /gone/);
    const answer = await fetch(`${url}/v1/models/hidden`, { headers });
    assert.doesNotMatch(await answer.text(), /counter|n_params/);
  }));

Deno.test("a repeated task is the same one, though its name was configured otherwise meanwhile", () =>
  withNames({ fast: { target: "counter", parameters: { top_k: 7 } } }, async (harness) => {
    const body = { model: "fast", prompt: "w0", max_tokens: 1 };
    const submit = () =>
      harness.client.call(routes.submit, { body, headers: { "idempotency-key": "k1" } });
    const first = await submit();
    harness.reload({ names: { fast: { target: "counter", parameters: { top_k: 8 } } } });
    assert.equal((await submit()).job_id, first.job_id);
  }));
