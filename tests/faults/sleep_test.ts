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

/**
 * How long all processes are suspended, in ms: three times the longest silence that is tolerated.
 */
const ASLEEP_MS = 12_000;

/** The longest silence that is tolerated, in ms: a busy machine must not reach it. */
const SILENT_MS = 4_000;

/** Tokens of each stream: enough that all streams still run when the processes are suspended. */
const TOKENS = 1_000;

Deno.test("all processes are suspended for a while, as on a closed laptop: no worker or stream is given up", async (t) => {
  await withService(dirname(slowCounterModel()), async (service) => {
    const { client, orchestratord, poolManagerd } = service;
    await run(client, countTask(0, 3));
    const [worker] = await service.workers();
    assert.ok(worker);
    const stopAll = (signal: Deno.Signal, pids: number[]) =>
      pids.forEach((pid) => Deno.kill(pid, signal));
    await inRounds(t, "all processes are suspended", async (n) => {
      const froms = range(0, 3).map((k) => 10_000 * k + n);
      const some = Promise.withResolvers<void>();
      const onEvent = ({ event }: Received) => event === "token" && some.resolve();
      const streams = froms.map((from) => followThrough(client, countTask(from, TOKENS), onEvent));
      const all = Promise.all(streams);
      await some.promise;
      const pids = [orchestratord.program.pid, poolManagerd.program.pid, worker.pid];
      stopAll("SIGSTOP", pids);
      await delay(ASLEEP_MS);
      // orchestratord, which watches the others, resumes first.
      stopAll("SIGCONT", pids);
      for (const [k, received] of (await all).entries()) checkWhole(received, froms[k]!, TOKENS);
      await checkSettled(service);
      const now = (await service.workers()).map(({ pid }) => pid);
      assert.deepEqual(now, [worker.pid], "the worker was not replaced");
      const { tasks } = await client.call(routes.listTasks, { query: { limit: 3 } });
      assert.deepEqual(tasks.map(({ attempts }) => attempts.length), [1, 1, 1]);
      const logged = orchestratord.log.filter(({ event }) => event === "stood_still");
      assert.ok(logged.length > n, "each suspension is logged");
    }, SLOW_ROUNDS);
  }, {
    orchestratord: `${SETTINGS.orchestratord.replace("1500", String(SILENT_MS))}
      pools = { heartbeat_interval_ms = 500, missed_heartbeats = 8 }`,
    poolManagerd: SETTINGS.poolManagerd.replace("1500", String(SILENT_MS)),
  });
});
