import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes } from "#shared/contracts/mod.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { createClient } from "#shared/http/client.ts";
import { writeRandomModel } from "../support/models.ts";
import { type Service, type ServiceOptions, withService } from "../support/service.ts";
import { isAlive, run, textOf, until } from "../support/stack.ts";

const task = {
  model: "random",
  prompt_tokens: Array.from({ length: 900 }, (_, at) => 300 + (at * 37) % 700),
  max_tokens: 12,
  temperature: 0,
};
const ON = "saved_slots.max_bytes = 100000000";

/**
 * Runs the task; returns its answer, the number of prompt tokens from the cache, and the worker.
 */
async function answer(service: Service) {
  const events = await run(service.client, task);
  const end = events.at(-1)!;
  assert.ok(end.event === "end", JSON.stringify(end));
  const [worker] = await service.workers();
  return { text: textOf(events), cached: end.data.tokens_cached, worker: worker! };
}

const slotsDir = (service: Service) => join(service.dir, "pool-managerd", "slots");
const files = (service: Service) =>
  [...Deno.readDirSync(slotsDir(service))].map(({ name }) => name);

const modeOf = async (path: string) => (await Deno.stat(path)).mode! & 0o777;

async function stop(service: Service, { worker_id: id, pid }: { worker_id: string; pid: number }) {
  const pool = createClient({ baseUrl: service.poolManagerd.url });
  await pool.call(poolRoutes.stopWorker, { params: { id }, body: { deadline_ms: 10_000 } });
  await until("the worker has ended", () => !isAlive(pid));
}

async function withRandom(
  options: ServiceOptions,
  test: (service: Service) => Promise<void>,
): Promise<void> {
  const models = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    writeRandomModel(join(models, "random.gguf"));
    await withService(models, test, options);
  } finally {
    await Deno.remove(models, { recursive: true });
  }
}

Deno.test("a long prompt is not read again by the next worker, after restarts of everything", () =>
  withRandom({ poolManagerd: ON }, async (service) => {
    const cold = await answer(service);
    assert.equal(cold.cached, 0);
    assert.notEqual(cold.text, "");
    await stop(service, cold.worker);
    await until("the slot is saved", () => files(service).some((name) => name.endsWith(".slot")));
    const [name] = files(service);
    assert.equal(await modeOf(slotsDir(service)), 0o700);
    assert.equal(await modeOf(join(slotsDir(service), name!)), 0o600);

    const warm = await answer(service);
    assert.notEqual(warm.worker.pid, cold.worker.pid);
    assert.deepEqual([warm.text, warm.cached], [cold.text, task.prompt_tokens.length - 1]);
    assert.deepEqual(files(service), [], "a restored file is deleted");

    // The operator unloads the model, which saves as an eviction does; then the pool manager is
    // killed.
    const ref = { params: { ref: task.model } };
    await service.client.call(orchestratorRoutes.unloadModel, ref);
    await until("the worker has ended", () => !isAlive(warm.worker.pid));
    await until("the slot is saved", () => files(service).some((name) => name.endsWith(".slot")));
    await Deno.writeTextFile(join(slotsDir(service), "w-crashed-0.part"), "half");
    service.poolManagerd.program.kill("SIGKILL");
    await service.poolManagerd.program.status;
    await service.restart("poolManagerd");
    assert.equal(files(service).length, 1);
    const after = await answer(service);
    assert.deepEqual([after.text, after.cached], [cold.text, task.prompt_tokens.length - 1]);

    // A pool manager that shuts down cleanly saves too.
    service.poolManagerd.program.kill("SIGTERM");
    await service.poolManagerd.program.status;
    assert.equal(files(service).length, 1);
    await service.restart("poolManagerd");
    await until("the pool is known again", async () => {
      return (await service.client.call(orchestratorRoutes.pools, {})).pools.length === 1;
    });
    const last = await answer(service);
    assert.deepEqual([last.text, last.cached], [cold.text, task.prompt_tokens.length - 1]);
  }));

Deno.test("a saved slot is erased with the content of jobs, and is not restored then", () =>
  withRandom(
    { poolManagerd: ON, orchestratord: "retention.content_ms = 1000" },
    async (service) => {
      const cold = await answer(service);
      await stop(service, cold.worker);
      await until("the slot is erased", () => files(service).length === 0);
      const again = await answer(service);
      assert.deepEqual([again.text, again.cached], [cold.text, 0]);
    },
  ));

Deno.test("without a quota nothing is saved, and the prompt is read again", () =>
  withRandom({}, async (service) => {
    const cold = await answer(service);
    await stop(service, cold.worker);
    assert.throws(() => files(service), Deno.errors.NotFound);
    const again = await answer(service);
    assert.deepEqual([again.text, again.cached], [cold.text, 0]);
  }));
