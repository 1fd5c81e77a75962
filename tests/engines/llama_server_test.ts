/**
 * A real llama-server behind the worker's API, tested through the whole service.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { Client } from "#shared/http/client.ts";
import { readSse } from "#shared/http/sse.ts";
import { fromEvents, type RawEvent } from "../conformance/models/answers.ts";
import { ANSWER, CALLS, SCRIPTS, THOUGHT } from "../conformance/models/families.ts";
import { familyOf, writeFamily } from "../conformance/models/family_file.ts";
import { ask } from "../conformance/models/table.ts";
import { CountingJob, ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { llamaSource } from "../support/llama_source.ts";
import { PEER_TOOL, whyNoPeer } from "../support/peer.ts";
import { type Service, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { counterModel, writeUtf8Model } from "../support/models.ts";
import {
  follow,
  isAlive,
  numbersOf,
  range,
  type Received,
  textOf,
  until,
} from "../support/stack.ts";

const reason = whyNoPeer();
const title = (text: string) => reason === undefined ? text : `${text} (skipped: ${reason})`;

const COMMAND = [
  ...[PEER_TOOL, "run", "llama-server", "-m", "{model}", "--host", "{host}", "--port", "{port}"],
  ...["-c", "{total_context}", "-np", "{slots}", "-t", "{threads}", "-ngl", "{gpu_layers}"],
  "--no-ui",
];

/** Runs a test with a service whose models are all served by llama-server. */
function withLlamaServer(
  models: string,
  test: (service: Service) => Promise<void>,
  { orchestratord = "", flags = [] }: { orchestratord?: string; flags?: readonly string[] } = {},
): Promise<void> {
  return withService(models, test, {
    orchestratord,
    poolManagerd: `worker.threads = 1
      worker.default_context = ${ENDLESS_CONTEXT}
      [engines.llama-server]
      command = ${JSON.stringify([...COMMAND, ...flags])}
      models = ["*"]`,
  });
}

/** The process of llama-server that a worker has started. */
async function serverOf(workerPid: number): Promise<number> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (!command.includes("usr/bin/llama-server\0-m")) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    const [, guard] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const parent = await Deno.readTextFile(`/proc/${guard}/stat`).catch(() => "");
    if (parent.slice(parent.lastIndexOf(")") + 2).split(" ")[1] === String(workerPid)) {
      return Number(name);
    }
  }
  throw new Error(`Worker ${workerPid} has no llama-server`);
}

const task = (max_tokens: number) => ({
  model: "slow-counter",
  prompt: " w7",
  max_tokens,
  temperature: 0,
});

/** Waits until another worker continues a job, then ends it: no token may be lost or doubled. */
async function goesOnElsewhere(client: Client, job: CountingJob): Promise<void> {
  const params = { id: await job.id() };
  await until("another worker has the job", async () => {
    return (await client.call(routes.getTask, { params })).attempts.length === 2;
  });
  await job.saysMore(20);
  await job.end();
  assert.deepEqual(job.numbers, range(8, job.numbers.length));
}

async function all(events: AsyncIterable<Received>): Promise<Received[]> {
  return await Array.fromAsync(events);
}

Deno.test({
  name: title(
    "llama-server behind the worker contract: streams, cancel, kill -9 and an orderly end",
  ),
  ignore: reason !== undefined,
  async fn() {
    let server = 0;
    await withLlamaServer(join(slowCounterModel(), ".."), async ({ client, workers }) => {
      const events = await all(follow(client, task(50)));
      assert.deepEqual(numbersOf(events), range(8, 50));
      const end = events.at(-1)!;
      assert.ok(end.event === "end");
      assert.equal(end.data.tokens_out, 50);
      const [first] = await workers();
      assert.ok(first);
      const { models } = await client.call(routes.models, {});
      assert.equal(models.length, 1);

      // More streams than slots: each must count on its own.
      const side = Array.from({ length: 6 }, (_, index) => index * 100);
      const answers = await Promise.all(
        side.map((from) => all(follow(client, { ...task(60), prompt: ` w${from}` }))),
      );
      assert.deepEqual(answers.map(numbersOf), side.map((from) => range(from + 1, 60)));

      // After a cancel, the slot is free for the next job.
      for await (const { event, data } of follow(client, task(2000))) {
        if (event === "started") {
          await client.call(routes.cancelTask, { params: { id: data.job_id } });
        }
        if (event === "error") assert.equal(data.code, "CANCELLED");
      }
      await until("the slot is free", async () => (await workers())[0]?.active === 0);

      // kill -9 in mid-answer: another worker continues, and no token is lost or doubled.
      server = await serverOf(first.pid);
      const job = new CountingJob(client, 7);
      await job.saysMore(20);
      Deno.kill(server, "SIGKILL");
      await goesOnElsewhere(client, job);
      assert.equal(isAlive(first.pid), false);

      // kill -9 of the worker ends its server too.
      const second = (await workers()).find(({ state }) => state === "ready")!;
      server = await serverOf(second.pid);
      Deno.kill(second.pid, "SIGKILL");
      await until("the server has ended with its worker", () => !isAlive(server));

      assert.equal(numbersOf(await all(follow(client, task(5)))).length, 5);
      const third = (await workers()).find(({ state }) => state === "ready")!;
      server = await serverOf(third.pid);
    });
    assert.equal(isAlive(server), false, "a clean stop ends the server too");
  },
});

Deno.test({
  name: title("llama-server: thoughts come apart, and a call's arguments as they grow"),
  ignore: reason !== undefined,
  async fn() {
    const source = await llamaSource();
    assert.ok("folder" in source);
    const models = await Deno.makeTempDir({ prefix: "llorch-models-" });
    const family = familyOf("Qwen 3");
    await writeFamily(join(models, "qwen.gguf"), family, source.folder);
    try {
      await withLlamaServer(models, async ({ orchestratord }) => {
        for (const script of SCRIPTS) {
          const request = { model: "qwen", ...ask(family, script) };
          const response = await fetch(`${orchestratord.url}/v2/tasks`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(request),
          });
          const { job_id } = await response.json();
          const events: RawEvent[] = [];
          const stream = await fetch(`${orchestratord.url}/v2/tasks/${job_id}/events`);
          for await (const { event, data } of readSse(stream.body!)) {
            events.push({ event, data: JSON.parse(data) });
          }
          const answer = fromEvents(events);
          assert.equal(answer.reasoning.trim(), THOUGHT, script);
          assert.equal(answer.content.trim(), script === "text" ? ANSWER : "", script);
          const calls = script === "text" ? [] : script === "single" ? CALLS.slice(0, 1) : CALLS;
          assert.deepEqual(answer.calls.map(({ name }) => name), calls.map(({ name }) => name));
          assert.ok(answer.pieces.reasoning > 3);
          if (calls.length > 0) assert.ok(answer.pieces.calls[0]! > 3, "it grows");
        }
      });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});

Deno.test({
  name: title("llama-server: a character of several tokens keeps all their ids"),
  ignore: reason !== undefined,
  async fn() {
    const models = await Deno.makeTempDir({ prefix: "llorch-models-" });
    writeUtf8Model(join(models, "utf8.gguf"));
    try {
      await withLlamaServer(models, async ({ client }) => {
        const body = { model: "utf8", prompt: "a", max_tokens: 20, temperature: 0 };
        const { job_id } = await client.call(routes.submit, { body });
        const { events } = await client.stream(routes.taskEvents, {
          params: { id: job_id },
          query: { ids: "true" },
        });
        const received = (await Array.fromAsync(events)).map(({ event, data }) =>
          ({ event, data: JSON.parse(data) }) as Received
        );
        assert.equal(textOf(received), "😀é漢a😀é漢a".slice(0, textOf(received).length));
        const ids = received.flatMap((each) => each.event === "token" ? each.data.ids ?? [] : []);
        assert.equal(ids.length, 20);
      });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});

Deno.test({
  name: title("a llama-server that hangs is noticed behind its worker, and another continues"),
  ignore: reason !== undefined,
  async fn() {
    let hung = 0;
    await withLlamaServer(join(slowCounterModel(), ".."), async ({ client, workers }) => {
      const job = new CountingJob(client, 7);
      await job.saysMore(20);
      hung = await serverOf((await workers())[0]!.pid);
      Deno.kill(hung, "SIGSTOP");
      await goesOnElsewhere(client, job);
      await until("the server that hung has ended", () => !isAlive(hung));
    }, { orchestratord: "failover.stall_ms = 2000" });
  },
});

Deno.test({
  name: title("a llama-server with embeddings is recognised, and serves them on /v1"),
  ignore: reason !== undefined,
  async fn() {
    const flags = ["--embeddings", "--pooling", "mean"];
    await withLlamaServer(join(counterModel(), ".."), async ({ client }) => {
      const body = { model: "counter", input: [" w7 w8", " w9"] };
      const { data } = await client.call(routes.embeddings, { body });
      const lengths = data.map(({ embedding }) => Math.hypot(...embedding as number[]));
      assert.deepEqual(lengths.map((length) => length.toFixed(3)), ["1.000", "1.000"]);
    }, { flags });
  },
});
