import assert from "node:assert/strict";
import { dirname } from "node:path";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, run, until, withStack } from "../support/stack.ts";

Deno.test("a worker that decodes on all slots answers /health within 10 ms (median)", async () => {
  await withStack({ models: dirname(slowCounterModel()), model: "slow-counter" }, async (stack) => {
    const state = await (await fetch(`${stack.poolUrl}/v2/state`)).json();
    const { uri, token } = state.workers[0];
    const headers = { authorization: `Bearer ${token}` };
    const ask = async () => {
      const began = performance.now();
      const reply = await fetch(`${uri}/health`, { headers });
      const health = await reply.json();
      return { ms: performance.now() - began, active: health.active as number };
    };
    const streams = range(0, 4).map((n) =>
      run(stack.client, {
        model: "slow-counter",
        prompt: `w${n * 1000}`,
        max_tokens: 400,
        temperature: 0,
      })
    );
    await until("all slots decode", async () => (await ask()).active === 4);
    const times: number[] = [];
    for (let n = 0; n < 50; n++) {
      const { ms, active } = await ask();
      if (active === 4) times.push(ms);
    }
    await Promise.all(streams);
    assert.ok(times.length >= 20, `only ${times.length} probes fell into the decode`);
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
    assert.ok(median <= 10, `the median was ${median.toFixed(1)} ms`);
  });
});
