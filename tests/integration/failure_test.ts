import assert from "node:assert/strict";
import { dirname } from "node:path";
import { isTerminal, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { CountingJob, ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import {
  isAlive,
  numbersOf,
  range,
  type Received,
  run,
  textOf,
  until,
  withStack,
} from "../support/stack.ts";

const task = { model: "slow-counter", prompt: "w7", max_tokens: 150, temperature: 0 };

/** Checks that a job that counts from `from` generated every number once and in order. */
function checkWhole(received: readonly Received[], from: number): void {
  const numbers = numbersOf(received);
  assert.deepEqual(numbers, range(from + 1, numbers.length));
  assert.equal(received.filter(({ event }) => event === "started").length, 1);
  assert.deepEqual(received.filter(isTerminal), received.slice(-1));
}

Deno.test("a stream outlives what happens to its worker", async (t) => {
  const options = {
    models: dirname(slowCounterModel()),
    model: "slow-counter",
    context: ENDLESS_CONTEXT,
  };
  await withStack(options, async (stack) => {
    const { client } = stack;
    const attemptsOf = async (job: CountingJob) => {
      const id = await job.id();
      return (await client.call(routes.getTask, { params: { id } })).attempts;
    };

    await t.step("kill -9 of the worker: another continues at the next token", async () => {
      const job = new CountingJob(client, 7);
      await job.saysMore(20);
      Deno.kill((await stack.workers())[0]!.pid, "SIGKILL");
      await until("another worker has the job", async () => (await attemptsOf(job)).length >= 2);
      await job.saysMore(20);
      checkWhole(await job.end(), 7);
      const attempts = await attemptsOf(job);
      assert.equal(attempts.length, 2);
      assert.ok(attempts[0]?.reason);
    });

    await t.step("kill -9 changes no token that is drawn with mirostat, XTC or DRY", async () => {
      // About every second token is not the next number.
      const drawn = { temperature: 24, top_k: 0, top_p: 1, min_p: 0, seed: 3, ignore_eos: true };
      for (
        const options of [
          { mirostat: 2 as const, mirostat_tau: 6 },
          { xtc_probability: 0.5, xtc_threshold: 0.01, dry_multiplier: 20, dry_base: 2 },
        ]
      ) {
        const more = { ...drawn, ...options };
        const job = new CountingJob(client, 7, more);
        await job.saysMore(30);
        Deno.kill((await stack.workers())[0]!.pid, "SIGKILL");
        await until("another worker has the job", async () => (await attemptsOf(job)).length >= 2);
        await job.saysMore(30);
        const received = await job.end();
        assert.equal((await attemptsOf(job)).length, 2);
        const max_tokens = received.filter(({ event }) => event === "token").length;
        const again = { ...task, ...more, max_tokens };
        const whole = textOf(await run(client, again));
        assert.notEqual(whole, textOf(await run(client, { ...again, seed: 4 })));
        assert.equal(textOf(received), whole);
      }
    });

    await t.step("four streams at once are continued too", async () => {
      const froms = range(0, 4).map((n) => n * 1000);
      const jobs = froms.map((from) => new CountingJob(client, from));
      await Promise.all(jobs.map((job) => job.saysMore(1)));
      Deno.kill((await stack.workers())[0]!.pid, "SIGKILL");
      for (const job of jobs) {
        await until("another worker has the job", async () => (await attemptsOf(job)).length >= 2);
        await job.saysMore(20);
      }
      for (const [n, job] of jobs.entries()) checkWhole(await job.end(), froms[n]!);
    });

    await t.step(
      "a grammar that explodes fails only its own job, once, and others continue",
      async () => {
        const froms = range(0, 2).map((n) => n * 1000);
        const others = froms.map((from) => new CountingJob(client, from));
        await Promise.all(others.map((job) => job.saysMore(1)));
        // Each character doubles the number of ways to continue.
        const grammar = 'root ::= a\na ::= [ -~] a "b" | [ -~] a "c" | [ -~] "."';
        const wrong = (await run(client, { ...task, grammar })).at(-1);
        assert.ok(wrong?.event === "error");
        assert.equal(wrong.data.code, "INVALID_REQUEST");
        assert.match(
          wrong.data.message,
          /grammar: \w+: a text of it can go on in ever more ways/,
        );
        const { tasks } = await client.call(routes.listTasks, { query: { limit: 1 } });
        assert.deepEqual(tasks.map(({ status, attempts }) => [status, attempts.length]), [
          ["failed", 1],
        ]);
        for (const [n, job] of others.entries()) {
          await job.saysMore(1);
          assert.equal((await attemptsOf(job)).length, 1);
          checkWhole(await job.end(), froms[n]!);
        }
      },
    );

    await t.step("SIGTERM to the worker lets its streams end", async () => {
      const job = new CountingJob(client, 7);
      await job.saysMore(1);
      const { pid } = (await stack.workers())[0]!;
      Deno.kill(pid, "SIGTERM");
      await until("it drains", async () => {
        return (await stack.workers()).some((each) => each.pid === pid && each.state !== "ready");
      });
      await job.saysMore(100);
      assert.ok(isAlive(pid));
      assert.equal((await attemptsOf(job)).length, 1);
      checkWhole(await job.end(), 7);
      await until("the worker has ended", () => !isAlive(pid));
      assert.deepEqual(numbersOf(await run(client, task)), range(8, 150));
    });

    await t.step("kill -9 of pool-managerd breaks no stream", async () => {
      const job = new CountingJob(client, 7);
      await job.saysMore(1);
      const { pid } = (await stack.workers())[0]!;
      // `up` ends everything when one of its daemons dies; while it is suspended, it cannot.
      stack.program.kill("SIGSTOP");
      Deno.kill(stack.pids["pool-managerd"], "SIGKILL");
      await until("the pool manager has ended", () => !isAlive(stack.pids["pool-managerd"]));
      await job.saysMore(100);
      assert.equal((await attemptsOf(job)).length, 1);
      checkWhole(await job.end(), 7);
      stack.program.kill("SIGCONT");
      await stack.program.status;
      await until("the orphaned worker is gone", () => !isAlive(pid));
    });
  });
});
