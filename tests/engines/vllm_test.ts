/**
 * A real vLLM on the CPU behind the worker's API, and behind the whole service.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { createLogger } from "#shared/logging.ts";
import { idsOf, outline, request, textOf } from "../../daemons/worker/testing/generator.ts";
import { testConfig, TOKEN } from "../../daemons/worker/testing/worker.ts";
import { Worker } from "../../daemons/worker/worker.ts";
import { loadOpenai } from "../../daemons/worker/servers/load.ts";
import { withService } from "../support/service.ts";
import { follow, isAlive, type Received, textOf as said, until } from "../support/stack.ts";
import {
  VLLM_ENV,
  VLLM_START_MS,
  vllmCommand,
  whyNoVllm,
  writeVllmModel,
} from "../support/vllm.ts";

const reason = whyNoVllm();
const title = (text: string) => reason === undefined ? text : `${text} (skipped: ${reason})`;

/** Runs a test with the model's folder. */
async function withModel(test: (folder: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
  try {
    const folder = join(dir, "tiny");
    await writeVllmModel(folder);
    await test(folder);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The processes of a group, by their commands. */
async function groupOf(group: number): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const [state, , own] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(own) !== group || state === "Z") continue;
    found.set(Number(name), await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => ""));
  }
  return found;
}

/** The key with which a server of this group lets its worker in. */
async function keyOf(group: number): Promise<string> {
  for (const pid of (await groupOf(group)).keys()) {
    const env = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
    const key = /(?:^|\0)VLLM_API_KEY=([^\0]+)/.exec(env)?.[1];
    if (key !== undefined) return key;
  }
  throw new Error("vLLM has no key");
}

/** vLLM's process that computes. */
async function engineCoreOf(group: number): Promise<number> {
  const found = [...await groupOf(group)].find(([, command]) => command.includes("EngineCore"));
  assert.ok(found, "vLLM has an EngineCore");
  return found[0];
}

async function all(client: Client, fields: Record<string, unknown>): Promise<WorkerEvent[]> {
  const { events } = await client.stream(workerRoutes.execute, { body: request(fields) });
  const received = await Array.fromAsync(events);
  return received.map(({ event, data }) => ({ event, data: JSON.parse(data) }) as WorkerEvent);
}

/** What the tokens of a channel say. */
function channelOf(events: readonly WorkerEvent[], channel: string | undefined): string {
  return events.flatMap((each) =>
    each.event === "token" && each.data.channel === channel ? [each.data.t] : []
  ).join("");
}

const GO = {
  type: "function",
  function: { name: "go", parameters: { type: "object", properties: { way: { type: "string" } } } },
};

Deno.test({
  name: title("vLLM: resumed at every cut, stops, grammar, thoughts, calls, cancel, kill -9"),
  ignore: reason !== undefined,
  fn: () =>
    withModel(async (folder) => {
      let group = 0;
      let port = 0;
      const log = createLogger("test");
      for (const [name, value] of Object.entries(VLLM_ENV)) Deno.env.set(name, value);
      const worker = await Worker.open(
        testConfig({
          ...{ model: "tiny", fingerprint: "f".repeat(64), engine: "openai" },
          ...{ context: 2048, slots: 2, stop_deadline_ms: 100 },
          openai: { command: JSON.stringify(vllmCommand(folder)), poll_interval_ms: 200 },
        }),
        {
          loadModel: (config, context) =>
            loadOpenai(config, {
              ...context,
              log: {
                ...log,
                info(event, given) {
                  if (event !== "engine_started") return;
                  group = Number(given?.["group"]);
                  port = Number(given?.["port"]);
                },
              },
            }),
          log,
          token: TOKEN,
          spawnToken: "spawn",
        },
      );
      const client = createClient({ baseUrl: worker.url, token: TOKEN });
      const health = () => client.call(workerRoutes.health, {});
      try {
        await until("vLLM is ready", async () => {
          const { state } = await health();
          assert.notEqual(state, "draining", "vLLM did not start");
          return state === "ready";
        }, VLLM_START_MS);
        const { backend, context, capabilities } = await health();
        assert.deepEqual([backend, context], ["vllm", 2048]);
        assert.ok(capabilities.includes("generate") && capabilities.includes("tokenize"));

        // Resumed after each event, the answer is the same, to the token and its number.
        const base = { prompt: "the quick", max_tokens: 24, temperature: 0, seed: 7 };
        const whole = await all(client, base);
        assert.equal(outline(whole).at(-1), "end MAX_TOKENS");
        assert.equal(idsOf(whole).length, 24);
        const tokens = whole.flatMap((each) => each.event === "token" ? [each.data] : []);
        for (let at = 1; at < tokens.length; at++) {
          const given = tokens.slice(0, at);
          const resumed = await all(client, {
            ...base,
            attempt: 2,
            resume_tokens: given.flatMap(({ ids }) => ids),
            resume_index: at,
          });
          // vLLM sends tokens together that were ready together.
          assert.deepEqual(
            idsOf(resumed),
            tokens.slice(at).flatMap(({ ids }) => ids),
            `cut at ${at}`,
          );
          assert.equal(
            textOf(resumed),
            tokens.slice(at).map(({ t }) => t).join(""),
            `cut at ${at}`,
          );
          const first = resumed.find((each) => each.event === "token");
          assert.equal(first?.data.i, at);
        }

        // Stop strings are ours, to the character.
        const text = textOf(whole);
        const stop = text.slice(-4, -2);
        const stopped = await all(client, { ...base, stop: [stop] });
        assert.equal(textOf(stopped), text.slice(0, text.indexOf(stop)));
        assert.equal(outline(stopped).at(-1), "end STOP_SEQUENCE");

        // With a reasoning parser, vLLM keeps a grammar only in chats, after the thought.
        const grammar = 'root ::= "yes" | "no"';
        await assert.rejects(
          all(client, { prompt: "x", grammar }),
          (error) =>
            error instanceof LlorchError && /grammar: is kept only in chats/.test(error.message),
        );
        const chat = {
          messages: [{ role: "user", content: "hi" }],
          max_tokens: 20,
          temperature: 0,
        };
        const held = await all(client, { ...chat, grammar });
        assert.match(channelOf(held, undefined), /^(yes|no)$/);

        // Thoughts come apart, and a call's arguments as they grow.
        const thought = await all(client, chat);
        assert.equal(channelOf(thought, "reasoning"), " hm so");
        assert.equal(channelOf(thought, undefined), " Fine then");
        assert.equal(outline(thought).at(-1), "end EOS");
        const plain = await all(client, { ...chat, reasoning_effort: "none" });
        assert.deepEqual([channelOf(plain, "reasoning"), channelOf(plain, undefined)], [
          "",
          " Fine then",
        ]);
        const called = await all(client, { ...chat, tools: [GO] });
        const end = called.at(-1)!;
        assert.ok(end.event === "end");
        assert.equal(end.data.stop_reason, "TOOL_CALLS");
        const [call] = end.data.tool_calls ?? [];
        assert.equal(call?.function.name, "go");
        assert.deepEqual(JSON.parse(call.function.arguments), { way: "left" });
        const parts = called.filter((each) =>
          each.event === "token" && each.data.channel === "call"
        );
        assert.ok(parts.length > 2, "it grows");
        // As the model writes it, the same chat has token ids, and goes on from its middle.
        const raw = { ...chat, reasoning_format: "none" };
        const asWritten = await all(client, raw);
        assert.equal(textOf(asWritten), " hm so</think> Fine then");
        const resumed = await all(client, {
          ...raw,
          attempt: 2,
          resume_tokens: idsOf(asWritten).slice(0, 2),
          resume_index: 2,
        });
        assert.equal(textOf(resumed), "</think> Fine then");

        // A cancel frees vLLM's slot, which its own figures say. Nearly as long as the context: what
        // follows happens while it runs.
        const long = { prompt: "the quick", max_tokens: 2_000, temperature: 0, ignore_eos: true };
        const leaving = new AbortController();
        const { events } = await client.stream(workerRoutes.execute, { body: request(long) }, {
          signal: leaving.signal,
        });
        await until(
          "vLLM says that it runs the answer",
          async () => (await health()).server_load?.running === 1,
        );
        leaving.abort();
        await Array.fromAsync(events).catch(() => {});
        await until("vLLM says that it runs nothing", async () => {
          const { active, server_load } = await health();
          return active === 0 && server_load?.running === 0;
        });

        // Requests of others wait in vLLM's own queue, and are shown.
        const others = new AbortController();
        const ask = async () => {
          const response = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              authorization: `Bearer ${await keyOf(group)}`,
            },
            body: JSON.stringify({ model: "tiny", stream: true, ...long }),
            signal: others.signal,
          });
          await response.text();
        };
        const asked = Array.from({ length: 5 }, () => ask().catch(() => {}));
        await until("vLLM's queue is shown", async () => {
          const { server_load } = await health();
          return server_load?.running === 2 && server_load.waiting === 3;
        });
        const metrics = await (await fetch(`${worker.url}/metrics`, {
          headers: { authorization: `Bearer ${TOKEN}` },
        })).text();
        assert.match(metrics, /^worker_server_waiting_requests [1-3]$/m);
        others.abort();
        await Promise.all(asked);

        // kill -9 of the process that computes: one end, and nothing of vLLM is left.
        const engineCore = await engineCoreOf(group);
        let isKilled = false;
        const broken: WorkerEvent[] = [];
        const last = await client.stream(workerRoutes.execute, { body: request(long) });
        for await (const { event, data } of last.events) {
          broken.push({ event, data: JSON.parse(data) } as WorkerEvent);
          if (event !== "token" || isKilled) continue;
          isKilled = true;
          Deno.kill(engineCore, "SIGKILL");
        }
        const ended = broken.at(-1)!;
        assert.ok(ended.event === "error", outline(broken).at(-1));
        assert.ok(["INTERNAL", "WORKER_LOST"].includes(ended.data.code), "the relay tries another");
        assert.equal(broken.filter(({ event }) => event === "error").length, 1);
        assert.notEqual(await worker.ended, 0);
      } finally {
        await worker.close();
        for (const name of Object.keys(VLLM_ENV)) Deno.env.delete(name);
      }
      await until("nothing of vLLM is left", async () => (await groupOf(group)).size === 0);
    }),
});

Deno.test({
  name: title(
    "vLLM in the service: an answer goes on after kill -9, and the fleet shows vLLM's queue",
  ),
  ignore: reason !== undefined,
  fn: () =>
    withModel((folder) =>
      withService(join(folder, "none"), async ({ client, workers }) => {
        const task = {
          model: "tiny",
          prompt: "the quick",
          max_tokens: 200,
          temperature: 0,
          ignore_eos: true,
        };
        const whole = await Array.fromAsync(follow(client, task));
        assert.equal(whole.at(-1)?.event, "end");
        const [first] = await workers();
        assert.ok(first);
        const engineCores = await childrenOf(first.pid);
        let isKilled = false;
        const received: Received[] = [];
        for await (const event of follow(client, task)) {
          received.push(event);
          if (event.event !== "token" || isKilled || received.length < 20) continue;
          isKilled = true;
          for (const pid of engineCores) Deno.kill(pid, "SIGKILL");
        }
        assert.equal(received.at(-1)?.event, "end");
        assert.equal(said(received), said(whole));
        await until("its worker has ended", () => !isAlive(first.pid));

        // Who calls vLLM beside us waits in its queue; the fleet shows it.
        await until("the fleet shows vLLM's load", async () => {
          const worker = (await workers()).find(({ state }) => state === "ready");
          return worker?.server_load !== undefined;
        });
        const { pools } = await client.call(routes.pools, {});
        assert.equal(pools.length, 1);
      }, {
        poolManagerd: `worker.default_context = 1024
          worker.default_slots = 2
          [engines.vllm]
          command = ${JSON.stringify(vllmCommand(folder))}
          serves = ["tiny"]
          memory = "1 GiB"
          context_length = 1024
          env = { ${
          Object.entries(VLLM_ENV).map(([name, value]) => `${name} = "${value}"`).join(", ")
        } }`,
      })
    ),
});

/** Processes below a worker that are vLLM's EngineCore. */
async function childrenOf(workerPid: number): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(parent) !== workerPid) continue;
    for (const [pid, command] of await groupOf(Number(group))) {
      if (command.includes("EngineCore")) found.push(pid);
    }
  }
  return found;
}
