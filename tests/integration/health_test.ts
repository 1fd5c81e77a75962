import assert from "node:assert/strict";
import { dirname } from "node:path";
import { CountingJob, ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, withStack } from "../support/stack.ts";

Deno.test("a worker that decodes on all slots answers /health within 10 ms (median)", async () => {
  const options = {
    models: dirname(slowCounterModel()),
    model: "slow-counter",
    context: ENDLESS_CONTEXT,
  };
  await withStack(options, async (stack) => {
    const state = await (await fetch(`${stack.poolUrl}/v2/state`)).json();
    const { uri, token } = state.workers[0];
    const headers = { authorization: `Bearer ${token}` };
    const ask = async () => {
      const began = performance.now();
      const reply = await fetch(`${uri}/health`, { headers });
      const health = await reply.json();
      return { ms: performance.now() - began, active: health.active as number };
    };
    const jobs = range(0, 4).map((n) => new CountingJob(stack.client, n * 1000));
    await Promise.all(jobs.map((job) => job.saysMore(1)));
    const times: number[] = [];
    for (let n = 0; n < 50; n++) {
      const { ms, active } = await ask();
      assert.equal(active, 4);
      times.push(ms);
    }
    for (const job of jobs) await job.end();
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
    assert.ok(median <= 10, `the median was ${median.toFixed(1)} ms`);
  });
});
