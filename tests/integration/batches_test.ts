import assert from "node:assert/strict";
import { join } from "node:path";
import { type BatchObject, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { begin, ended, get, results } from "../../daemons/orchestratord/testing/batches.ts";
import { writeCounterModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { until } from "../support/stack.ts";

const COUNT = 60;

/** How often orchestratord is killed. */
const KILLS = 4;

Deno.test("kill -9 of orchestratord in the middle of a batch loses and doubles no line", async () => {
  const models = await Deno.makeTempDir({ prefix: "llorch-models-" });
  try {
    writeCounterModel(join(models, "counter.gguf"), { numbers: 1000 });
    await withService(models, async (service) => {
      const { url } = service.orchestratord;
      const lines = (endpoint: string) =>
        Array.from(
          { length: COUNT },
          (_, n) =>
            endpoint === "/v1/embeddings" ? { input: `w${n}` } : {
              ...{ messages: [{ role: "user", content: `w${n}` }], temperature: 0 },
              max_tokens: 40,
            },
        );
      const batches: { endpoint: string; begun: BatchObject }[] = [];
      for (const endpoint of ["/v1/chat/completions", "/v1/embeddings"]) {
        batches.push({ endpoint, begun: await begin({ url }, endpoint, lines(endpoint)) });
      }
      const done = async () => {
        const all = await Promise.all(batches.map(({ begun }) => get({ url }, begun.id)));
        return all.reduce((sum, { request_counts: counts }) => sum + counts.completed, 0);
      };
      for (let kill = 1; kill <= KILLS; kill++) {
        const least = kill * 2 * COUNT / (KILLS + 2);
        await until(`${least} lines are answered`, async () => await done() >= least);
        service.orchestratord.program.kill("SIGKILL");
        await service.orchestratord.program.status;
        await service.restart("orchestratord");
      }
      for (const { endpoint, begun } of batches) {
        const batch = await ended({ url }, begun);
        assert.deepEqual(batch.request_counts, { total: COUNT, completed: COUNT, failed: 0 });
        const answers = await results({ url }, batch.output_file_id);
        assert.deepEqual(
          answers.map(({ custom_id }) => custom_id),
          Array.from({ length: COUNT }, (_, n) => `r${n + 1}`),
        );
        if (endpoint === "/v1/embeddings") continue;
        for (const { response } of answers) {
          assert.equal(response?.body.usage.completion_tokens, 40);
        }
      }
      const { tasks } = await service.client.call(routes.listTasks, { query: { limit: 500 } });
      assert.equal(tasks.length, 2 * COUNT);
      assert.ok(tasks.every(({ status }) => status === "completed"));
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
