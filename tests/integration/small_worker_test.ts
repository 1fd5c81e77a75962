import assert from "node:assert/strict";
import { join } from "node:path";
import { counterModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { numbersOf, range, run, until } from "../support/stack.ts";

const words = (count: number) => range(1, count).map((number) => ` w${number}`).join("");
const task = (count: number) => ({
  model: "linked",
  prompt: words(count),
  max_tokens: 3,
  temperature: 0,
});

Deno.test("a small worker that is started by hand, of a linked file, leaves long prompts to the full one", async () => {
  const models = await Deno.makeTempDir({ prefix: "llorch-models-" });
  try {
    await Deno.symlink(counterModel(), join(models, "linked.gguf"));
    await withService(models, async ({ client, llorch, workers }) => {
      assert.deepEqual(numbersOf(await run(client, task(600))), range(601, 3));
      const [full] = await workers();
      const ran = await llorch(
        ...["worker", "start", "cpu", "-m", "linked", "--context", "256", "--slots", "8", "--json"],
      );
      assert.equal(ran.code, 0, ran.err);
      const small = JSON.parse(ran.out);
      await until("both workers run", async () => (await workers()).length === 2);
      // Both are idle for longer than `replica_idle_ms`, after which a surplus worker is stopped.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const left = (await workers()).filter(({ state }) => state === "ready")
        .map(({ worker_id }) => worker_id);
      assert.deepEqual(left.sort(), [full!.worker_id, small.worker_id].sort());
      const answers = await Promise.all(range(0, 6).map(() => run(client, task(600))));
      for (const answer of answers) assert.deepEqual(numbersOf(answer), range(601, 3));
      assert.deepEqual(numbersOf(await run(client, task(10))), range(11, 3));
    }, { orchestratord: "workers.replica_idle_ms = 300" });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
