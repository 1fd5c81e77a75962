/**
 * llama.cpp logs from whatever thread it is in. A log callback in JavaScript would wait for the event loop of
 * the thread that made it, which may be inside C for long: after the load, nothing of ours is called.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { ENV } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { LOGS, poisonedWorkers } from "../../../../tests/support/poisoned_worker.ts";
import { eventOf, withWorker } from "../../testing/process.ts";

/** Tokens of a prompt that is computed in one call of C, which takes many seconds. */
const LONG = 8_000;

Deno.test("log lines from both threads of a worker hold up nothing, also while one is inside C", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-log-" });
  const outer = Deno.env.get(ENV.binDir);
  try {
    const model = join(folder, "slow.gguf");
    writeRandomModel(model, {
      ...{ layers: 4, width: 512, feedForward: 2_048, vocabulary: 300, context: 8_192 },
      isZero: true,
    });
    Deno.env.set(ENV.binDir, await poisonedWorkers(folder));
    const args = [
      "--batch-size=8192",
      "--context=8192",
      "--slots=2",
      `--saved-slots-dir=${folder}`,
    ];
    await withWorker(model, args, async (worker) => {
      const { client } = worker;
      const body = { prompt: LOGS };
      await client.call(workerRoutes.tokenize, { body });

      // A part of a saved slot: llama.cpp's thread logs that it cannot read it.
      await eventOf(worker.ask({ prompt: " w1 w2 w3", max_tokens: 1 }), "end");
      const path = join(folder, "slot.bin");
      await client.call(workerRoutes.saveSlot, { params: { n: "0" }, body: { path } });
      await Deno.truncate(path, (await Deno.stat(path)).size - 100);
      await assert.rejects(
        client.call(workerRoutes.restoreSlot, { params: { n: "1" }, body: { path } }),
        (error) => error instanceof LlorchError && error.code === "CONFLICT",
      );

      const prompt_tokens = Array.from({ length: LONG }, () => 280);
      const answer = worker.ask({ prompt_tokens, max_tokens: 1 });
      await eventOf(answer, "started");
      let isComputing = true;
      const computed = eventOf(answer, "token").then(() => isComputing = false);
      let meanwhile = 0;
      for (let n = 0; n < 5; n++) {
        await client.call(workerRoutes.tokenize, { body });
        const { active } = await client.call(workerRoutes.health, {});
        // On a busy machine, five calls may take longer than the computation.
        if (active === 0 || !isComputing) break;
        meanwhile++;
      }
      // The first call may come before the thread is inside C.
      assert.ok(meanwhile > 1, "the thread is inside C meanwhile");
      await answer.return(undefined);
      await computed.catch(() => {});
    });
  } finally {
    if (outer === undefined) Deno.env.delete(ENV.binDir);
    else Deno.env.set(ENV.binDir, outer);
    await Deno.remove(folder, { recursive: true });
  }
});
