import assert from "node:assert/strict";
import { join } from "node:path";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { createClient } from "#shared/http/client.ts";
import { counterModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { isAlive, numbersOf, range, run, until } from "../support/stack.ts";

const hasShm = (() => {
  try {
    return Deno.statSync("/dev/shm").isDirectory;
  } catch {
    return false;
  }
})();

const task = { model: "counter", prompt: " w7", max_tokens: 20, temperature: 0 };

Deno.test({
  name: "a model that was loaded is staged, and its next worker reads the copy, after a crash too" +
    (hasShm ? "" : " (skipped: no /dev/shm)"),
  ignore: !hasShm,
  async fn() {
    const dir = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "llorch-test-" });
    try {
      await withService(join(counterModel(), ".."), async (service) => {
        const pool = () => createClient({ baseUrl: service.poolManagerd.url });
        const state = () => pool().call(poolRoutes.state, {});
        const isStaged = async () => (await state()).models[0]?.staged === true;
        const runTask = async () => {
          assert.deepEqual(numbersOf(await run(service.client, task)), range(8, 20));
          // An adopted worker that has ended stays listed until the pool manager checks it.
          const worker = (await service.workers()).find(({ state }) => state === "ready");
          const cmdline = await Deno.readTextFile(`/proc/${worker!.pid}/cmdline`);
          return { pid: worker!.pid, isOnCopy: cmdline.includes(`\0${dir}/`) };
        };
        const stop = async (pid: number) => {
          const [worker] = (await state()).workers;
          await pool().call(poolRoutes.stopWorker, {
            params: { id: worker!.worker_id },
            body: { deadline_ms: 5_000 },
          });
          await until("the worker has ended", () => !isAlive(pid));
        };
        const first = await runTask();
        assert.equal(first.isOnCopy, false);
        await until("the model is staged", isStaged);
        await stop(first.pid);
        const second = await runTask();
        assert.equal(second.isOnCopy, true);

        service.poolManagerd.program.kill("SIGKILL");
        await service.poolManagerd.program.status;
        await Deno.writeTextFile(join(dir, `${"0".repeat(64)}.gguf.part`), "half a copy");
        await service.restart("poolManagerd");
        await until("the copy is used again", isStaged);
        const names = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
        assert.equal(names.length, 2, names.join(" "));
        await stop(second.pid);
        assert.equal((await runTask()).isOnCopy, true);
      }, {
        poolManagerd: `staging.max_bytes = 100000000\nstaging.dir = ${JSON.stringify(dir)}`,
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
