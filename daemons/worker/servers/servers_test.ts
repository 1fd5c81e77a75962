import assert from "node:assert/strict";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { type WorkerHealth, workerRoutes } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { createLogger } from "#shared/logging.ts";
import { idsOf, outline, request, textOf } from "../testing/generator.ts";
import { testConfig, TOKEN, whenReady } from "../testing/worker.ts";
import { Worker } from "../worker.ts";
import { loadOpenai } from "./load.ts";
import { groupMemory } from "./group_memory.ts";

const SERVER = new URL("../testing/fake_openai.ts", import.meta.url).pathname;

interface Opened {
  readonly worker: Worker;
  readonly client: Client;
  /** The worker's health once it was ready. */
  readonly health: WorkerHealth;
  /** Bodies of the requests that the server got on this path. */
  seen(pathname: string): Promise<Record<string, unknown>[]>;
  readonly port: () => number;
}

/** Runs a test with a worker in front of the fake server. */
async function using(
  flags: readonly string[],
  work: (opened: Opened) => Promise<void>,
  fields: Record<string, unknown> = {},
): Promise<void> {
  let port = 0;
  const command = [Deno.execPath(), "run", "-q", "-A", SERVER, "--port={port}", ...flags];
  const log = createLogger("test");
  const worker = await Worker.open(
    testConfig({
      model: "org/counting",
      fingerprint: "f".repeat(64),
      engine: "openai",
      stop_deadline_ms: 100,
      slots: 2,
      ...fields,
      openai: { command: JSON.stringify(command), ...fields["openai"] as object },
    }),
    {
      loadModel: (config, context) =>
        loadOpenai(config, {
          ...context,
          log: {
            ...log,
            info(event, given) {
              if (event === "engine_started") port = Number(given?.["port"]);
            },
          },
        }),
      log,
      token: TOKEN,
      spawnToken: "spawn",
    },
  );
  const client = createClient({ baseUrl: worker.url, token: TOKEN });
  try {
    await whenReady(client);
    const health = await client.call(workerRoutes.health, {});
    const seen = async (pathname: string) => {
      const bodies = await (await fetch(`http://127.0.0.1:${port}/seen`)).json();
      return bodies.filter((body: { pathname: string }) => body.pathname === pathname);
    };
    await work({ worker, client, health, seen, port: () => port });
  } finally {
    await worker.close();
  }
}

async function run(client: Client, fields: Record<string, unknown>): Promise<WorkerEvent[]> {
  const { events } = await client.stream(workerRoutes.execute, { body: request(fields) });
  const all = await Array.fromAsync(events);
  return all.map(({ event, data }) => ({ event, data: JSON.parse(data) }) as WorkerEvent);
}

const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

Deno.test("vllm: a grammar that the server would not keep is refused", () =>
  using(["--kind=vllm", "--free", "--thinks"], async ({ client }) => {
    const grammar = 'root ::= "yes"';
    const refused = (field: string) => (error: unknown) =>
      error instanceof LlorchError && error.code === "INVALID_REQUEST" &&
      error.message.includes(`${field}: is kept only`);
    await assert.rejects(run(client, { prompt: " w7", grammar }), refused("grammar"));
    const chat = { messages: [{ role: "user", content: "w3" }], max_tokens: 2 };
    const json_schema = { type: "object" };
    const raw = { ...chat, reasoning_format: "none", json_schema };
    await assert.rejects(run(client, raw), refused("json_schema"));
    assert.equal(textOf(await run(client, { ...chat, grammar })), " w4 w5");
  }));

for (const kind of ["llama-server", "vllm"]) {
  Deno.test(`${kind}: tokens come with their ids, stop strings are ours, and an answer goes on from its middle`, () =>
    using([`--kind=${kind}`], async ({ client, health, seen }) => {
      assert.equal(health.backend, kind);
      assert.equal(health.context, 256);
      assert.deepEqual(health.capabilities, ["generate", "embed", "rerank", "tokenize"]);
      const whole = await run(client, { prompt: " w7", max_tokens: 4 });
      assert.equal(textOf(whole), " w8 w9 w10 w11");
      assert.deepEqual(idsOf(whole), [8, 9, 10, 11]);
      assert.equal(outline(whole).at(-1), "end MAX_TOKENS");
      const stopped = await run(client, { prompt: " w7", stop: [" w11"] });
      assert.equal(textOf(stopped), " w8 w9 w10");
      assert.equal(outline(stopped).at(-1), "end STOP_SEQUENCE");
      const resumed = await run(client, {
        prompt: " w7",
        max_tokens: 5,
        resume_tokens: [8, 9],
        resume_index: 2,
        attempt: 2,
        seed: 5,
      });
      assert.deepEqual(idsOf(resumed), [10, 11, 12]);
      const [token] = resumed.filter((each) => each.event === "token");
      assert.equal(token?.data.i, 2);
      const end = resumed.at(-1);
      assert.ok(end?.event === "end");
      assert.deepEqual([end.data.tokens_in, end.data.tokens_out], [1, 5]);
      const path = kind === "vllm" ? "/v1/completions" : "/completion";
      const body = (await seen(path)).at(-1);
      assert.deepEqual(body?.["prompt"], [7, 8, 9]);
      assert.equal(body?.["seed"], 7);
      const chat = { messages: [{ role: "user", content: "w3" }], max_tokens: 1 };
      assert.deepEqual(idsOf(await run(client, chat)), [4]);
      const ended = await run(client, { prompt: " w48" });
      assert.equal(outline(ended).at(-1), "end EOS");
      assert.deepEqual(idsOf(ended), [49, 50]);
      const over = await run(client, {
        prompt: " w7",
        stop: ["w9"],
        resume_tokens: [8, 9],
        resume_index: 1,
      });
      assert.deepEqual(outline(over), ["started", "end STOP_SEQUENCE"]);
      for (const events of [stopped, over]) {
        const end = events.at(-1);
        assert.ok(end?.event === "end");
        assert.match(end.data.stop_sequence ?? "", /^ ?w(9|11)$/);
      }
      const held = { prompt: "w7", resume_tokens: [8], resume_index: 1, attempt: 2 };
      await assert.rejects(
        run(client, { ...held, grammar: "root ::= [a]" }),
        codeIs("WORKER_LOST"),
      );
      const counted = await client.call(workerRoutes.tokenize, { body: { prompt: " w1 w2" } });
      assert.deepEqual(counted.tokens, [1, 2]);
      const { text } = await client.call(workerRoutes.detokenize, { body: { tokens: [1, 2] } });
      assert.equal(text, " w1 w2");
      const pieces = { prompt: " w1 w2", with_pieces: true };
      const messages = [{ role: "user" as const, content: " w1" }];
      const both = async () => [
        (await client.call(workerRoutes.tokenize, { body: pieces })).pieces,
        (await client.call(workerRoutes.render, { body: { messages } })).prompt,
        (await client.call(workerRoutes.template, {})).chat_template,
      ];
      const long = { prompt: " w1 w2 w3", max_tokens: 1, prompt_progress: true };
      const told = (await run(client, long)).flatMap(({ event, data }) =>
        event === "metrics" ? [[data.prompt_done, data.prompt_total, data.prompt_cached]] : []
      );
      // On a busy machine one more tells twice a second how far it is, also before the prompt has begun.
      const steps = told.filter(([done], at) => done! > 0 && done !== told[at - 1]?.[0]);
      const begun = kind === "llama-server" ? [[2, 3, 1]] : [];
      assert.deepEqual(steps, [...begun, [3, 3, kind === "llama-server" ? 1 : 0]]);
      await assert.rejects(run(client, { ...long, prompt_logprobs: 1 }), /prompt_logprobs/);
      if (kind === "llama-server") assert.deepEqual(await both(), [[" w1", [195]], " w1", "{{}}"]);
      else await assert.rejects(both(), /with_pieces: is not known to the engine/);
    }));
}

Deno.test("a plain server: text without ids, which cannot be resumed", () =>
  using(["--kind=openai"], async ({ client, health, seen }) => {
    assert.equal(health.backend, "openai");
    assert.deepEqual(health.capabilities, ["generate", "embed", "rerank"]);
    const events = await run(client, {
      messages: [{ role: "user", content: " w7" }],
      max_tokens: 3,
    });
    assert.equal(textOf(events), " w8 w9 w10");
    assert.deepEqual(idsOf(events), []);
    const end = events.at(-1);
    assert.ok(end?.event === "end");
    assert.deepEqual([end.data.tokens_in, end.data.tokens_out], [1, 3]);
    const body = (await seen("/v1/chat/completions")).at(-1)!;
    assert.equal(body["top_k"], undefined);
    await assert.rejects(
      run(client, { prompt: "w7", resume_tokens: [8], resume_index: 1, attempt: 2 }),
      codeIs("WORKER_LOST"),
    );
    const unknown = { top_k: 5, grammar: "root ::= [a]", lora: "pirate" };
    const refused = await run(client, { prompt: "w7", ...unknown });
    const last = refused.at(-1);
    assert.ok(last?.event === "error");
    assert.equal(last.data.code, "INVALID_REQUEST");
    assert.match(last.data.message, /top_k.*grammar.*lora/);
  }));

Deno.test("tool calls come from the server, which parses its model's syntax", () =>
  using(["--kind=llama-server"], async ({ client }) => {
    const events = await run(client, {
      messages: [{ role: "user", content: " w7" }],
      max_tokens: 1,
      tools: [{ type: "function", function: { name: "go" } }],
    });
    const end = events.at(-1);
    assert.ok(end?.event === "end");
    assert.equal(end.data.stop_reason, "TOOL_CALLS");
    assert.deepEqual(end.data.tool_calls, [{
      id: "c1",
      type: "function",
      function: { name: "go", arguments: '{"n": 1}' },
    }]);
    const parts = events.flatMap((each) =>
      each.event === "token" && each.data.channel === "call" ? [each.data] : []
    );
    assert.deepEqual(parts.map(({ t, call }) => ({ t, call })), [
      { t: "", call: { index: 0, id: "c1", name: "go" } },
      { t: '{"n": ', call: { index: 0 } },
      { t: "1}", call: { index: 0 } },
    ]);
  }));

for (const kind of ["llama-server", "vllm"]) {
  Deno.test(`${kind}: thoughts come apart from the answer, and then nothing goes on from its middle`, () =>
    using([`--kind=${kind}`, "--thinks"], async ({ client, seen }) => {
      const chat = { messages: [{ role: "user", content: " w7" }], max_tokens: 2 };
      const events = await run(client, chat);
      const of = (channel: string | undefined) =>
        events.map((each) =>
          each.event === "token" && each.data.channel === channel ? each.data.t : ""
        ).join("");
      assert.equal(of("reasoning"), " hm hm");
      assert.equal(of(undefined), " w8 w9");
      const end = events.at(-1);
      assert.ok(end?.event === "end");
      assert.equal(end.data.reasoning_tokens, 2);
      const later = { resume_tokens: [8], resume_index: 1, attempt: 2 };
      await assert.rejects(run(client, { ...chat, ...later }), codeIs("WORKER_LOST"));
      // As the model writes it, an answer has ids and can go on.
      const plain = { ...chat, reasoning_format: "none" };
      assert.deepEqual(idsOf(await run(client, plain)), [8, 9]);
      assert.deepEqual(idsOf(await run(client, { ...plain, ...later })), [9]);
      assert.equal((await seen("/v1/chat/completions")).length, 1);
    }));
}

Deno.test("llama-server is told of thinking in its own words", () =>
  using(["--kind=llama-server", "--thinks"], async ({ client, seen }) => {
    const chat = { messages: [{ role: "user", content: " w7" }], max_tokens: 1 };
    const kwargs = { chat_template_kwargs: { style: "short" }, reasoning_effort: "low" };
    await run(client, { ...chat, ...kwargs, reasoning_budget_tokens: 5 });
    const body = (await seen("/v1/chat/completions")).at(-1)!;
    assert.deepEqual(body["chat_template_kwargs"], { style: "short" });
    assert.equal(body["reasoning_effort"], "low");
    assert.equal(body["reasoning_budget_tokens"], 5);
    await run(client, { ...chat, ...kwargs, reasoning_format: "none" });
    const rendered = (await seen("/apply-template")).at(-1)!;
    assert.deepEqual(rendered["chat_template_kwargs"], { style: "short" });
    const started = [...chat.messages, { role: "assistant", content: " w8" }];
    const none = { reasoning_format: "none", continue_final_message: true };
    await run(client, { ...chat, ...none, messages: started });
    assert.equal((await seen("/apply-template")).at(-1)!["add_generation_prompt"], false);
    await run(client, { prompt: "w1", special: true, max_tokens: 1 });
    assert.equal((await seen("/tokenize")).at(-1)!["parse_special"], true);
    const filled = await run(client, { prompt: " w7", suffix: " w9", max_tokens: 1 });
    assert.equal(textOf(filled), " w8");
    const { input_prefix, input_suffix } = (await seen("/infill")).at(-1)!;
    assert.deepEqual([input_prefix, input_suffix], [" w7", " w9"]);
    const odds = await run(client, {
      ...{ prompt: "w1", max_tokens: 1, logprobs: 0, post_sampling_probs: true },
    });
    const [token] = odds.filter((each) => each.event === "token");
    assert.deepEqual(token?.data.logprobs?.map(({ logprob }) => logprob), [Math.log(0.5)]);
  }));

Deno.test("sampling options reach the servers that know them, under their names", async () => {
  const options = {
    ...{ typical_p: 0.5, top_n_sigma: 1, mirostat_tau: 3, xtc_probability: 0.5, min_keep: 2 },
    ...{ dry_multiplier: 1, dry_sequence_breakers: ["."], dynatemp_range: 0.5, ignore_eos: true },
    ...{ samplers: ["top_k", "temperature"] },
  };
  await using(["--kind=llama-server"], async ({ client, seen }) => {
    const prompt = { prompt: " w7", max_tokens: 1 };
    await run(client, { ...prompt, ...options, mirostat: 2, repeat_last_n: 5 });
    const body = (await seen("/completion")).at(-1)!;
    const sent = { ...options, mirostat: 2, repeat_last_n: 5 };
    for (const [name, value] of Object.entries(sent)) assert.deepEqual(body[name], value, name);
    await run(client, { ...prompt, dry_multiplier: 1, dry_penalty_last_n: -1 });
    const { dry_penalty_last_n: whole } = (await seen("/completion")).at(-1)!;
    assert.ok(typeof whole === "number" && whole > 0, `${whole}`);
    // What changes nothing is not sent.
    await run(client, { ...prompt, mirostat_tau: 3, xtc_threshold: 0.2, typical_p: 1 });
    assert.ok(!("mirostat_tau" in (await seen("/completion")).at(-1)!));
    const later = { resume_tokens: [8], resume_index: 1, attempt: 2 };
    const resumed = run(client, { ...prompt, ...later, mirostat: 2, resume_mirostat_mu: 9 });
    await assert.rejects(resumed, /cannot go on .*: its engine would begin mirostat again/);
  });
  await using(["--kind=vllm"], async ({ client, seen }) => {
    const fields = { prompt: " w7", max_tokens: 4, min_tokens: 3, stop_token_ids: [5] };
    await run(client, { ...fields, ignore_eos: true });
    const body = (await seen("/v1/completions")).at(-1)!;
    assert.deepEqual(
      [body["min_tokens"], body["stop_token_ids"], body["ignore_eos"]],
      [3, [5], true],
    );
    await run(client, { ...fields, resume_tokens: [8], resume_index: 1, attempt: 2 });
    assert.equal((await seen("/v1/completions")).at(-1)!["min_tokens"], 2);
  });
});

Deno.test("a sampling option that a server does not know is refused by name", async () => {
  const prompt = { prompt: " w7", max_tokens: 1 };
  const cases = {
    "openai": { typical_p: 0.5, min_tokens: 1, mirostat: 2, dry_multiplier: 1, samplers: "k" },
    "vllm": { typical_p: 0.5, xtc_probability: 0.5, mirostat: 1, repeat_last_n: 5 },
    "llama-server": { min_tokens: 1, stop_token_ids: [5] },
  };
  for (const [kind, options] of Object.entries(cases)) {
    await using([`--kind=${kind}`], async ({ client }) => {
      for (const [field, value] of Object.entries(options)) {
        const why = await refusalOf(client, { ...prompt, [field]: value });
        assert.match(why, new RegExp(`${field}: is not known to the engine`), kind);
      }
    });
  }
});

Deno.test("a switch that a server does not know is refused by name", async () => {
  const chat = { messages: [{ role: "user", content: " w7" }], max_tokens: 1 };
  const prompt = { prompt: " w7", max_tokens: 1 };
  const cases: Record<string, Record<string, Record<string, unknown>>> = {
    "openai": {
      chat_template_kwargs: { ...chat, chat_template_kwargs: { a: 1 } },
      reasoning_budget_tokens: { ...chat, reasoning_budget_tokens: 5 },
      reasoning_format: { ...chat, reasoning_format: "none" },
    },
    "vllm": {
      reasoning_budget_tokens: { ...chat, reasoning_budget_tokens: 5 },
      special: { ...prompt, special: false },
      suffix: { ...prompt, suffix: "x" },
    },
    "llama-server": {
      continue_final_message: {
        messages: [...chat.messages, { role: "assistant", content: " w8" }],
        continue_final_message: false,
      },
    },
  };
  for (const [kind, fields] of Object.entries(cases)) {
    await using([`--kind=${kind}`], async ({ client }) => {
      for (const [field, request] of Object.entries(fields)) {
        assert.match(await refusalOf(client, request), new RegExp(field), `${kind}: ${field}`);
      }
    });
  }
});

/** Why a request is refused, at once or by an event. */
async function refusalOf(client: Client, fields: Record<string, unknown>): Promise<string> {
  try {
    const last = (await run(client, fields)).at(-1);
    return last?.event === "error" ? last.data.message : "";
  } catch (error) {
    assert.ok(error instanceof LlorchError && error.code === "INVALID_REQUEST", String(error));
    return error.message;
  }
}

Deno.test("embeddings have length 1, and ranks are 0 to 1", () =>
  using([], async ({ client }) => {
    const { embeddings, tokens } = await client.call(workerRoutes.embed, {
      body: { input: ["a", "b"] },
    });
    assert.equal(tokens, 2);
    const vector = new Float32Array(Uint8Array.fromBase64(embeddings[1]!).buffer);
    assert.deepEqual([...vector].map((value) => value.toFixed(3)), ["0.600", "0.800"]);
    const { scores } = await client.call(workerRoutes.rerank, {
      body: { query: "q", documents: ["a", "abc"] },
    });
    assert.ok(scores[0]! < scores[1]! && scores[1]! < 1);
  }));

Deno.test("a cancel closes the server's stream and frees the slot", () =>
  using(["--kind=vllm", "--interval=20"], async ({ client }) => {
    const { events } = await client.stream(workerRoutes.execute, {
      body: request({ prompt: " w1", job_id: "j" }),
    });
    for await (const { event } of events) if (event === "token") break;
    while ((await client.call(workerRoutes.health, {})).active > 0) await delay(5);
  }));

Deno.test("when the server is killed, streams end with WORKER_LOST and the worker ends too", () =>
  using(["--kind=vllm", "--interval=200"], async ({ client, worker }) => {
    // Found before the answer, which takes 10 s: it must not end before its server is killed.
    const pids = await serverPids();
    const { events } = await client.stream(workerRoutes.execute, {
      body: request({ prompt: " w1" }),
    });
    const rest: string[] = [];
    let isKilled = false;
    for await (const { event, data } of events) {
      rest.push(data);
      if (event !== "token" || isKilled) continue;
      isKilled = true;
      for (const pid of pids) Deno.kill(pid, "SIGKILL");
    }
    assert.match(rest.at(-1)!, /WORKER_LOST/);
    assert.equal(await worker.ended, 137);
  }));

Deno.test("a server that does not answer health checks for too long ends the worker", () =>
  using([], async ({ worker, port }) => {
    await (await fetch(`http://127.0.0.1:${port()}/hang`)).text();
    assert.equal(await worker.ended, 1);
    // A server on a busy machine must not reach this limit before it is told to hang.
  }, { openai: { poll_interval_ms: 50, unresponsive_ms: 5_000 } }));

Deno.test("a refusal of the server names the field", () =>
  using(["--kind=llama-server"], async ({ client, port }) => {
    await (await fetch(`http://127.0.0.1:${port()}/refuse`)).text();
    const last = (await run(client, { prompt: " w7", grammar: 'root ::= "a"' })).at(-1);
    assert.ok(last?.event === "error");
    assert.deepEqual([last.data.code, last.data.retriable], ["INVALID_REQUEST", false]);
    assert.match(last.data.message, /grammar: the engine refuses .*not understood/);
  }));

Deno.test("a grammar that llama-server would never come out of is refused before it sees it", () =>
  using(["--kind=llama-server"], async ({ client, seen }) => {
    for (const grammar of ['root ::= e root "a"\ne ::= "x"?', 'root ::= ("a"*)*', "root ::= b"]) {
      await assert.rejects(
        run(client, { grammar }),
        (error) => error instanceof LlorchError && error.code === "INVALID_REQUEST",
        grammar,
      );
    }
    assert.deepEqual(await seen("/completion"), []);
    const events = await run(client, { prompt: " w3", max_tokens: 1, grammar: 'root ::= " w4"' });
    assert.equal(textOf(events), " w4");
    assert.equal((await seen("/completion"))[0]!["grammar"], 'root ::= " w4"');
  }));

Deno.test("a missing command ends the worker with code 1", async () => {
  const worker = await Worker.open(
    testConfig({
      fingerprint: "f".repeat(64),
      engine: "openai",
      openai: { command: '["no-such-server"]' },
    }),
    { loadModel: loadOpenai, log: createLogger("test"), token: TOKEN, spawnToken: "spawn" },
  );
  assert.equal(await worker.ended, 1);
  await worker.close();
});

/** Processes of this test's servers. */
async function serverPids(): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const guard = await Deno.readTextFile(`/proc/${group}/stat`).catch(() => "");
    const [, grandparent] = guard.slice(guard.lastIndexOf(")") + 2).split(" ");
    const isOurs = Number(grandparent) === Deno.pid && parent === group;
    if (isOurs && command.includes("fake_openai.ts")) found.push(Number(name));
  }
  return found;
}

Deno.test("groupMemory() counts this process's own group", async () => {
  const stat = await Deno.readTextFile("/proc/self/stat");
  const [, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const { pids, bytes } = await groupMemory(Number(group));
  assert.ok(pids.includes(Deno.pid));
  assert.ok(bytes > 10_000_000);
});
