import assert from "node:assert/strict";
import { dirname } from "node:path";
import { CountingJob, ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, withStack } from "../support/stack.ts";

Deno.test("a worker that decodes on all slots answers /health as quickly as an idle one, or in 10 ms (median)", async () => {
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
    const medianOf = async (active: number) => {
      const times: number[] = [];
      for (let n = 0; n < 50; n++) {
        const reply = await ask();
        assert.equal(reply.active, active);
        times.push(reply.ms);
      }
      return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
    };
    // What else runs on this machine slows down both.
    const idle = await medianOf(0);
    const jobs = range(0, 4).map((n) => new CountingJob(stack.client, n * 1000));
    await Promise.all(jobs.map((job) => job.saysMore(1)));
    const busy = await medianOf(4);
    for (const job of jobs) await job.end();
    assert.ok(
      busy <= Math.max(10, 5 * idle),
      `the median was ${busy.toFixed(1)} ms, and ${idle.toFixed(1)} ms while it was idle`,
    );
  });
});
