import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { numbers, range, withHarness } from "./testing/harness.ts";

const LONG = "w3 ".repeat(900) + "w7";

Deno.test("a long prompt of a job that waits, or runs once more, reaches its worker whole", async () => {
  await withHarness({}, async ({ client, pool, events }) => {
    await events({ model: "counter", prompt: "w7", max_tokens: 1 });
    const worker = pool.only();
    worker.allow(0);
    const submit = async (task: object) => {
      const body = { model: "counter", max_tokens: 5, detached: true, ...task };
      return (await client.call(routes.submit, { body })).job_id;
    };
    const messages = [{ role: "user" as const, content: LONG }];
    // The first ones take all slots.
    const jobs: string[] = [];
    for (const task of [{ prompt: LONG }, { prompt: LONG }, { prompt: LONG }, { messages }]) {
      jobs.push(await submit(task));
    }
    worker.allow(Infinity);
    for (const jobId of jobs) assert.equal((await events(jobId)).at(-1)?.event, "end");
    const asked = (jobId: string) => worker.executions.findLast(({ job_id }) => job_id === jobId)!;
    for (const jobId of jobs.slice(0, 3)) {
      assert.equal(asked(jobId).prompt, LONG);
      assert.deepEqual(numbers(await events(jobId)), range(8, 5));
    }
    assert.deepEqual(asked(jobs[3]!).messages, messages);
  });
});
