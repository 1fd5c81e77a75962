/**
 * A thread inside C hears nothing. What it computes for too long ends with its process, by `_exit`: C's
 * destructors must not run around it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { EXIT } from "#shared/defaults.ts";
import { delay, SAME_KEYSTROKE_MS } from "#shared/lifecycle.ts";
import { slowCounterModel } from "../../../../tests/support/slow_counter.ts";
import { until, within } from "../../../../tests/support/stack.ts";
import { eventOf, lastOf, withWorker } from "../../testing/process.ts";
import { slowGrammar } from "../../testing/slow_grammar.ts";

const SLOW = { prompt: " w1", grammar: slowGrammar() };
const ENDLESS = { max_tokens: 30_000 };

Deno.test("a choice that takes more than 5 s ends its request and the process; neighbours can go on elsewhere", () =>
  withWorker(slowCounterModel(), ["--slots=5", "--context=32768"], async (worker) => {
    const { client, program, log } = worker;
    const neighbours = [100, 200, 300, 400].map((from) =>
      worker.ask({ prompt: ` w${from}`, ...ENDLESS })
    );
    for (const each of neighbours) await eventOf(each, "token");
    const stuck = worker.ask(SLOW);
    await eventOf(stuck, "started");
    const ends = [stuck, ...neighbours].map(lastOf);
    // Meanwhile it answers, until its process has ended.
    let isOver = false;
    void Promise.all(ends).then(() => isOver = true);
    let replies = 0;
    while (!isOver) {
      await client.call(workerRoutes.health, {}).then(() => replies++, () => {});
      await delay(100);
    }
    assert.ok(replies > 2, `${replies} replies`);
    const [guilty, ...others] = (await Promise.all(ends)).map((last) => {
      assert.ok(last.event === "error", JSON.stringify(last));
      return [last.data.code, last.data.retriable];
    });
    assert.deepEqual(guilty, ["INVALID_REQUEST", false]);
    assert.deepEqual(others, neighbours.map(() => ["WORKER_LOST", true]));
    const { code, signal } = await within(program.status, "the worker has ended");
    assert.deepEqual([code, signal], [EXIT.failed, null]);
    assert.match(
      program.stderr(),
      /^llorch-candled: The grammar takes more than 5 s for a token.*\n$/,
    );
    await until("the log is whole", () => log.some(({ event }) => event === "stopped"));
  }));

Deno.test("a second SIGTERM ends a worker that is still computing", () =>
  withWorker(slowCounterModel(), ["--context=64"], async ({ ask, program }) => {
    const stuck = ask(SLOW);
    await eventOf(stuck, "started");
    program.kill("SIGTERM");
    // Until then, a second signal counts as the same one.
    await delay(SAME_KEYSTROKE_MS + 100);
    program.kill("SIGTERM");
    const { code, signal } = await within(program.status, "the worker has ended");
    assert.deepEqual([code, signal], [EXIT.interrupted, null]);
    await stuck.return(undefined);
  }));
