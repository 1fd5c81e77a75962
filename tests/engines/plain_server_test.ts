/**
 * A model without a GGUF file, on a server that only exchanges text, tested through the whole
 * service.
 *
 * @module
 */
import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { withService } from "../support/service.ts";
import { follow, numbersOf, range, type Received, ROOT, run } from "../support/stack.ts";

const SERVER = `${ROOT}/daemons/worker/testing/fake_openai.ts`;

function withServer(
  flags: readonly string[],
  test: Parameters<typeof withService>[1],
): Promise<void> {
  const command = [Deno.execPath(), "run", "-q", "-A", SERVER, "--port={port}", ...flags];
  return Deno.makeTempDir({ prefix: "llorch-models-" }).then(async (models) => {
    try {
      await withService(models, test, {
        poolManagerd: `[engines.counting]
          command = ${JSON.stringify(command)}
          serves = ["hf:org/counting"]
          memory = "64 MiB"
          context_length = 256`,
      });
    } finally {
      await Deno.remove(models);
    }
  });
}

const task = { model: "org/counting", prompt: " w1", max_tokens: 30 };

Deno.test("a model without a file is listed with its stated memory, loaded, and serves chats", () =>
  withServer([], async ({ client, workers }) => {
    const { models } = await client.call(routes.models, {});
    assert.deepEqual(models.map(({ model_ref }) => model_ref), ["hf:org/counting"]);
    const events = await run(client, task);
    assert.deepEqual(numbersOf(events), range(2, 30));
    const end = events.at(-1)!;
    assert.ok(end.event === "end");
    assert.deepEqual([end.data.tokens_in, end.data.tokens_out], [1, 30]);
    const [worker] = await workers();
    assert.ok(worker && worker.memory_bytes > 20_000_000);
  }));

Deno.test("an answer of text alone that broke off ends with WORKER_LOST, and is not begun again", () =>
  withServer(["--interval=100"], async ({ client, workers }) => {
    const received: Received[] = [];
    // It takes 20 s, so that it cannot be complete before its server is killed.
    for await (const event of follow(client, { ...task, max_tokens: 200 })) {
      received.push(event);
      if (received.filter((each) => each.event === "token").length !== 3) continue;
      if (event.event === "token") Deno.kill((await workers())[0]!.pid, "SIGKILL");
    }
    const last = received.at(-1)!;
    assert.ok(last.event === "error");
    assert.deepEqual([last.data.code, last.data.retriable], ["WORKER_LOST", true]);
    const numbers = numbersOf(received);
    assert.deepEqual(numbers, range(2, numbers.length));
  }));
