import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { writeCounterModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { numbersOf, range, run, until } from "../support/stack.ts";

Deno.test("hosts are listed, drained and returned to service, and a model is replaced on one", async (t) => {
  const models = await Deno.makeTempDir({ prefix: "llorch-models-" });
  try {
    writeCounterModel(join(models, "old.gguf"), { numbers: 400 });
    writeCounterModel(join(models, "new.gguf"), { numbers: 500 });
    await Deno.writeTextFile(join(models, "broken.gguf"), "GGUF");
    await withService(models, async ({ llorch, client, workers }) => {
      const pools = (...args: string[]) => llorch("orchestrator", "pools", ...args);
      const task = { model: "old", prompt: "w7", max_tokens: 5, temperature: 0 };
      const names = async () => {
        const loaded = (await client.call(routes.models, {})).models.filter((each) => each.loaded);
        return loaded.map(({ model_ref }) => model_ref.replace(/.*\/|\.gguf$/g, ""));
      };
      const [pool] = (await client.call(routes.pools, {})).pools;
      const id = pool!.pool_id;

      await t.step("list shows the hardware and the state of each host", async () => {
        const { code, out } = await pools("list");
        assert.equal(code, 0);
        assert.match(out, /^POOL +STATUS +WORKERS +MODELS +FREE +SEEN +ENDPOINT$/m);
        assert.match(out, new RegExp(`^${id} +available +0 +2 +cpu [\\d.]+ \\w+ +`, "m"));
        assert.deepEqual(JSON.parse((await pools("list", "--json")).out).pools[0].pool_id, id);
      });

      await t.step("reload loads the new model, then stops the old one", async () => {
        await run(client, task);
        const ran = await pools("reload", id, "old", "new", "--deadline", "5");
        assert.deepEqual([ran.code, ran.err], [0, `"new" serves on ${id} now\n`]);
        assert.deepEqual(await names(), ["new"]);
      });

      await t.step("logs shows what a worker wrote, also one that has ended", async () => {
        const [worker] = await workers();
        const { code, out } = await pools("logs", id, worker!.worker_id);
        assert.equal(code, 0);
        assert.match(out, /ready/);
        const events = (await llorch("orchestrator", "events")).out;
        const ended = /Worker (\S+) with old on \S+ has ended/.exec(events)?.[1] ?? "";
        assert.equal((await pools("logs", id, ended)).code, 0);
        const none = await pools("logs", id, "nobody");
        assert.deepEqual([none.code, none.out], [1, ""]);
        assert.equal((await pools("logs", id, "")).code, 2);
      });

      await t.step("a reload that fails says why, and the old model keeps serving", async () => {
        const none = await pools("reload", id, "old", "new");
        assert.deepEqual([none.code, none.out], [1, ""]);
        assert.match(none.err, /no worker holds "old"/);
        const missing = await pools("reload", id, "new", "broken");
        assert.match(missing.err, /Cannot find model "broken"/);
        assert.deepEqual(await names(), ["new"]);
      });

      await t.step(
        "drain waits until the workers have stopped, undrain returns the host to service",
        async () => {
          const pid = (await workers())[0]!.pid;
          const ran = await pools("drain", id, "--deadline", "1");
          assert.equal(ran.code, 0, ran.err);
          assert.match(
            ran.err,
            new RegExp(`^Drained ${id}; llorch orchestrator pools undrain ${id}`),
          );
          assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
          assert.match((await pools("list")).out, new RegExp(`^${id} +drained +0`, "m"));
          const load = await llorch("orchestrator", "models", "load", "old");
          assert.equal(load.code, 0);
          assert.match(
            load.err,
            /^Loading old: it is waiting, every pool that has the model is drained/,
          );
          const { job_id } = await client.call(routes.submit, { body: task });
          assert.equal((await pools("undrain", id, "--quiet")).err, "");
          assert.deepEqual(numbersOf(await run(client, job_id)), range(8, 5));
          await until("it serves", async () => (await names()).includes("old"));
        },
      );

      await t.step("an error names an unknown host", async () => {
        const ran = await pools("drain", "nowhere");
        assert.equal(ran.code, 1);
        assert.match(ran.err, /Cannot find pool "nowhere"/);
      });
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
