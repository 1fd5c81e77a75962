import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { delay } from "#shared/lifecycle.ts";
import { withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, type Received, run } from "../support/stack.ts";
import {
  checkSettled,
  checkWhole,
  countTask,
  followThrough,
  inRounds,
  SETTINGS,
  SLOW_ROUNDS,
} from "./rounds.ts";

/** For how long everything stands still: three times what any silence may last. */
const ASLEEP_MS = 5_000;

/** Long enough that all of them are there when everything stops. */
const TOKENS = 1_000;

Deno.test("everything stands still for a while, as on a laptop that is closed: nobody is given up", async (t) => {
  await withService(dirname(slowCounterModel()), async (service) => {
    const { client, orchestratord, poolManagerd } = service;
    await run(client, countTask(0, 3));
    const [worker] = await service.workers();
    assert.ok(worker);
    const stopAll = (signal: Deno.Signal, pids: number[]) =>
      pids.forEach((pid) => Deno.kill(pid, signal));
    await inRounds(t, "all are stopped", async (n) => {
      const froms = range(0, 3).map((k) => 10_000 * k + n);
      const some = Promise.withResolvers<void>();
      const onEvent = ({ event }: Received) => event === "token" && some.resolve();
      const streams = froms.map((from) => followThrough(client, countTask(from, TOKENS), onEvent));
      const all = Promise.all(streams);
      await some.promise;
      const pids = [orchestratord.program.pid, poolManagerd.program.pid, worker.pid];
      stopAll("SIGSTOP", pids);
      await delay(ASLEEP_MS);
      // Who judges the others is the first to be back.
      stopAll("SIGCONT", pids);
      for (const [k, received] of (await all).entries()) checkWhole(received, froms[k]!, TOKENS);
      await checkSettled(service);
      const now = (await service.workers()).map(({ pid }) => pid);
      assert.deepEqual(now, [worker.pid], "the worker is the one that it was");
      const { tasks } = await client.call(routes.listTasks, { query: { limit: 3 } });
      assert.deepEqual(tasks.map(({ attempts }) => attempts.length), [1, 1, 1]);
      const told = orchestratord.log.filter(({ event }) => event === "stood_still");
      assert.ok(told.length > n, "the log says so");
    }, SLOW_ROUNDS);
  }, {
    orchestratord: `${SETTINGS.orchestratord}
      pools = { heartbeat_interval_ms = 500, missed_heartbeats = 3 }`,
    poolManagerd: SETTINGS.poolManagerd,
  });
});
