import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { counterModel } from "../support/models.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { follow, numbersOf, range, run, textOf, until, withStack } from "../support/stack.ts";

const task = (from: number, count: number) => ({
  model: "counter",
  prompt: `w${from}`,
  max_tokens: count,
  temperature: 0,
});

Deno.test("streams through three real processes", async (t) => {
  await withStack({ models: dirname(counterModel()), model: "counter" }, async (stack) => {
    const { client } = stack;

    await t.step("every number of 200 comes once and in order", async () => {
      const received = await run(client, task(7, 200));
      assert.deepEqual(numbersOf(received), range(8, 200));
      const kept = received.filter((each) => each.event !== "metrics");
      assert.deepEqual(kept.map((each) => each.id), range(1, kept.length));
      assert.deepEqual(kept.flatMap((e) => e.event === "token" ? [e.data.i] : []), range(0, 200));
      const last = received.at(-1);
      assert.equal(last?.event === "end" && last.data.stop_reason, "MAX_TOKENS");
      assert.equal(last?.event === "end" && last.data.tokens_out, 200);
    });

    await t.step("eight streams share four slots and none takes another's tokens", async () => {
      const all = await Promise.all(
        range(0, 8).map((index) => run(client, task(index * 100, 60))),
      );
      for (const [index, received] of all.entries()) {
        assert.deepEqual(numbersOf(received), range(index * 100 + 1, 60));
      }
    });

    await t.step("a stream resumes after Last-Event-ID, live and finished", async () => {
      const { job_id } = await client.call(routes.submit, { body: task(7, 300) });
      const first = [];
      for await (const event of follow(client, job_id)) {
        if (event.event !== "metrics") first.push(event);
        if (first.length === 20) break;
      }
      const rest = [];
      for await (const event of follow(client, job_id, { lastEventId: first.at(-1)!.id! })) {
        rest.push(event);
      }
      assert.deepEqual([...numbersOf(first), ...numbersOf(rest)], range(8, 300));
      const job = await client.call(routes.getTask, { params: { id: job_id } });
      assert.deepEqual((job.output?.match(/\d+/g) ?? []).map(Number), range(8, 300));
    });

    await t.step("the model ends by itself after its last number", async () => {
      const received = await run(client, { ...task(1990, 500) });
      assert.deepEqual(numbersOf(received), range(1991, 9));
      const last = received.at(-1);
      assert.equal(last?.event === "end" && last.data.stop_reason, "EOS");
    });

    await t.step("a stop sequence ends the text before itself, across token borders", async () => {
      const received = await run(client, { ...task(7, 100), stop: ["2 w13"] });
      assert.equal(textOf(received), " w8 w9 w10 w11 w1");
      const last = received.at(-1);
      assert.equal(last?.event === "end" && last.data.stop_reason, "STOP_SEQUENCE");
    });

    await t.step("a seed is chosen and reported, and a given one is kept", async () => {
      const accepted = await client.call(routes.submit, { body: task(7, 3) });
      const events = await run(client, accepted.job_id);
      const last = events.at(-1);
      assert.equal(last?.event === "end" && last.data.seed, accepted.seed);
      const given = await client.call(routes.submit, { body: { ...task(7, 3), seed: 42 } });
      assert.equal(given.seed, 42);
    });

    await t.step("a client that leaves frees the slot", async () => {
      const reply = await fetch(`${stack.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: "counter",
          stream: true,
          messages: [{ role: "user", content: "w1" }],
        }),
      });
      const reader = reply.body!.getReader();
      await reader.read();
      await reader.cancel();
      await until("no slot is in use", async () => (await stack.workers())[0]?.active === 0);
      assert.deepEqual(numbersOf(await run(client, task(7, 20))), range(8, 20));
    });
  });
});

Deno.test("the first token arrives before the worker has made the tenth", async () => {
  const path = slowCounterModel();
  await withStack({ models: dirname(path), model: "slow-counter" }, async (stack) => {
    const tokensMade = await tokenCounter(stack.poolUrl);
    const body = { ...task(7, 200), model: "slow-counter" };
    await run(stack.client, { ...body, max_tokens: 2 });
    // A busy machine delays some of these measurements; a buffer in between would spoil all of
    // them.
    let fewest = Infinity;
    for (let tries = 0; fewest >= 10 && tries < 20; tries++) {
      const before = await tokensMade();
      let made = Infinity;
      const received = [];
      for await (const event of follow(stack.client, body)) {
        received.push(event);
        if (event.event !== "token" || made !== Infinity) continue;
        made = await tokensMade() - before;
      }
      fewest = Math.min(fewest, made);
      assert.deepEqual(numbersOf(received), range(8, 200));
    }
    assert.ok(fewest < 10, `the worker had made ${fewest} tokens when the first one arrived`);
  });
});

/**
 * Returns a function that reads from the only worker's metrics how many tokens it has generated.
 */
async function tokenCounter(poolUrl: string): Promise<() => Promise<number>> {
  const { workers } = await (await fetch(`${poolUrl}/v2/state`)).json();
  const { uri, token } = workers[0];
  return async () => {
    const reply = await fetch(`${uri}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    const line = /^worker_tokens_out_total (\d+)/m.exec(await reply.text());
    assert.ok(line, "worker_tokens_out_total is among the worker's metrics");
    return Number(line[1]);
  };
}
