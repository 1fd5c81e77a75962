import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { follow, isAlive, numbersOf, range, run, until, withStack } from "../support/stack.ts";

const task = { model: "slow-counter", prompt: "w7", max_tokens: 150, temperature: 0 };

Deno.test("a stream outlives what happens to its worker", async (t) => {
  await withStack({ models: dirname(slowCounterModel()), model: "slow-counter" }, async (stack) => {
    const { client } = stack;

    await t.step("kill -9 of the worker: another goes on at the next token", async () => {
      const received = [];
      let killed = false;
      for await (const event of follow(client, task)) {
        received.push(event);
        if (killed || numbersOf(received).length < 20) continue;
        killed = true;
        Deno.kill((await stack.workers())[0]!.pid, "SIGKILL");
      }
      assert.deepEqual(numbersOf(received), range(8, 150));
      assert.equal(received.filter((each) => each.event === "started").length, 1);
      assert.equal(received.at(-1)?.event, "end");
      const { tasks } = await client.call(routes.listTasks, { query: { limit: 1 } });
      assert.equal(tasks[0]?.attempts.length, 2);
      assert.ok(tasks[0]?.attempts[0]?.reason);
    });

    await t.step("four streams at once go on as well", async () => {
      const streams = range(0, 4).map((n) => run(client, { ...task, prompt: `w${n * 1000}` }));
      await until("all run", async () => (await stack.workers())[0]?.active === 4);
      Deno.kill((await stack.workers())[0]!.pid, "SIGKILL");
      for (const [n, received] of (await Promise.all(streams)).entries()) {
        assert.deepEqual(numbersOf(received), range(n * 1000 + 1, 150));
      }
    });

    await t.step(
      "a grammar without end fails its own job alone, once, and others go on",
      async () => {
        const others = range(0, 2).map((n) =>
          run(client, { ...task, prompt: `w${n * 1000}`, max_tokens: 1900 })
        );
        await until("they run", async () => (await stack.workers())[0]?.active === 2);
        // Each character doubles the ways in which it can go on.
        const grammar = 'root ::= a\na ::= [ -~] a "b" | [ -~] a "c" | [ -~] "."';
        const wrong = (await run(client, { ...task, grammar })).at(-1);
        assert.ok(wrong?.event === "error");
        assert.equal(wrong.data.code, "INVALID_REQUEST");
        assert.match(
          wrong.data.message,
          /The grammar takes more than 5 s for a token: simplify it/,
        );
        for (const [n, received] of (await Promise.all(others)).entries()) {
          assert.deepEqual(numbersOf(received), range(n * 1000 + 1, 1900));
        }
        const { tasks } = await client.call(routes.listTasks, { query: { limit: 1 } });
        assert.deepEqual(tasks.map(({ status, attempts }) => [status, attempts.length]), [
          ["failed", 1],
        ]);
      },
    );

    await t.step("SIGTERM to the worker lets its streams end", async () => {
      const running = run(client, task);
      await until("it runs", async () => (await stack.workers())[0]?.active === 1);
      Deno.kill((await stack.workers())[0]!.pid, "SIGTERM");
      assert.deepEqual(numbersOf(await running), range(8, 150));
      assert.deepEqual(numbersOf(await run(client, task)), range(8, 150));
    });

    await t.step("kill -9 of pool-managerd breaks no stream", async () => {
      const running = run(client, task);
      await until("it runs", async () => (await stack.workers())[0]?.active === 1);
      const { pid } = (await stack.workers())[0]!;
      // `up` ends everything when a daemon of its own dies; frozen, it cannot.
      stack.program.kill("SIGSTOP");
      Deno.kill(stack.pids["pool-managerd"], "SIGKILL");
      assert.deepEqual(numbersOf(await running), range(8, 150));
      stack.program.kill("SIGCONT");
      await stack.program.status;
      await until("the orphaned worker is gone", () => !isAlive(pid), 10_000);
    });
  });
});
