import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes, poolRoutes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { type Service, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, type Received, run, until } from "../support/stack.ts";
import {
  checkNoLeak,
  checkWhole,
  countTask,
  followThrough,
  inRounds,
  PATIENT,
  ROUNDS,
  SETTINGS,
} from "./rounds.ts";

/** More streams than the worker has slots, so that some wait. */
const STREAMS = 6;

Deno.test("kill -9 and SIGSTOP: every stream is whole, nothing hangs, nothing is left", async (t) => {
  await withService(dirname(slowCounterModel()), async (service) => {
    const known = new Set<number>();
    const harmed = new Set<number>();
    const harm = async (signal: Deno.Signal) => {
      const pid = await workerPid(service, known, harmed);
      harmed.add(pid);
      Deno.kill(pid, signal);
    };
    await run(service.client, countTask(0, 3));

    await checkNoLeak(service, known, async () => {
      await inRounds(
        t,
        "kill -9 of the worker",
        (n) => streamsThrough(service, n, () => harm("SIGKILL")),
      );
      await inRounds(
        t,
        "SIGSTOP of the worker",
        (n) => streamsThrough(service, n, () => harm("SIGSTOP")),
      );
    });
  }, SETTINGS);
});

Deno.test("kill -9 of pool-managerd and of orchestratord: every stream is whole, and the worker stays", async (t) => {
  await withService(dirname(slowCounterModel()), async (service) => {
    const known = new Set<number>();
    await run(service.client, countTask(0, 3));

    await inRounds(t, "kill -9 of pool-managerd", async (n) => {
      const pid = await workerPid(service, known);
      await streamsThrough(service, n, async () => {
        service.poolManagerd.program.kill("SIGKILL");
        await service.poolManagerd.program.status;
        await service.restart("poolManagerd");
      });
      await until("the new pool manager has the worker", async () => {
        const { workers } = await createClient({ baseUrl: service.poolManagerd.url })
          .call(poolRoutes.state, {});
        return workers.some((each) => each.pid === pid && each.state === "ready");
      });
      const { tasks } = await service.client.call(routes.listTasks, { query: { limit: STREAMS } });
      assert.deepEqual(
        tasks.map(({ attempts }) => attempts.length),
        Array(STREAMS).fill(1),
        "no stream broke",
      );
      await until("it is the only worker", async () => {
        const pids = (await service.workers()).map((each) => each.pid);
        return pids.length === 1 && pids[0] === pid;
      });
    });
    await inRounds(t, "kill -9 of orchestratord", (n) =>
      streamsThrough(service, n, async () => {
        await workerPid(service, known);
        service.orchestratord.program.kill("SIGKILL");
        await service.orchestratord.program.status;
        await service.restart("orchestratord");
      }));
    await checkNoLeak(service, known, async () => {});
  }, PATIENT);
});

/** Runs streams, causes a fault while they run, and checks that each stream is complete. */
async function streamsThrough(
  { client }: Service,
  round: number,
  fault: () => Promise<void>,
): Promise<void> {
  const froms = range(0, STREAMS).map((n) => 1000 * n + round);
  // The moment moves from early to late over the rounds.
  const when = 1 + Math.floor(120 * (round + 0.5) / ROUNDS);
  let tokens = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onEvent = ({ event }: Received) => {
    if (event === "token" && ++tokens === when) resolve();
  };
  const streams = froms.map((from) => followThrough(client, countTask(from), onEvent));
  const all = Promise.all(streams);
  await Promise.race([promise, all]);
  await fault();
  for (const [n, received] of (await all).entries()) checkWhole(received, froms[n]!);
}

/** Process id of a ready worker. A worker that hangs is still reported as ready for a while. */
async function workerPid(
  { workers }: Service,
  known: Set<number>,
  harmed: ReadonlySet<number> = new Set(),
): Promise<number> {
  let pid: number | undefined;
  await until("a worker is ready", async () => {
    const ready = (await workers()).find((each) => each.state === "ready" && !harmed.has(each.pid));
    pid = ready?.pid;
    return pid !== undefined;
  });
  known.add(pid!);
  return pid!;
}
