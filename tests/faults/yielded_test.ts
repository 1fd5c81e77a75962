import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, run, until } from "../support/stack.ts";
import { checkWhole, countTask, followThrough, inRounds, SETTINGS } from "./rounds.ts";

/** A job has yielded before any of these has ended. */
const LONG = 2_000;
const SHORT = 20;
/** More than the worker has slots. */
const LONGS = 3;

Deno.test("kill -9 of a worker that holds what yielded jobs had: every stream is whole", async (t) => {
  // Each round has a service of its own: a job that had said nothing at the kill is tried alone, on a worker of
  // its own, and then there are slots for all.
  await inRounds(
    t,
    "kill -9 of the worker",
    () =>
      withService(dirname(slowCounterModel()), async ({ client, workers }) => {
        await run(client, countTask(0, 3));
        const froms = range(0, LONGS).map((k) => 5_000 * k);
        const longs = Promise.all(
          froms.map((from) =>
            followThrough(client, { ...countTask(from, LONG), session_id: "long" })
          ),
        );
        await until("a job has yielded, and others took its slot", async () => {
          const from = 30_000;
          const task = { ...countTask(from, SHORT), session_id: "short" };
          checkWhole(await followThrough(client, task), from, SHORT);
          const { tasks } = await client.call(routes.listTasks, { query: { limit: 500 } });
          return tasks.some(({ status, attempts }) =>
            status !== "completed" &&
            attempts.some(({ reason = "" }) => reason.startsWith("others"))
          );
        });
        const [worker] = await workers();
        Deno.kill(worker!.pid, "SIGKILL");
        for (const [k, received] of (await longs).entries()) checkWhole(received, froms[k]!, LONG);
      }, {
        orchestratord: `${SETTINGS.orchestratord}\nfair.yield_after_ms = 100
        # A second worker would have slots for all.
        workers.replica_after_ms = 3600000`,
        poolManagerd: `${SETTINGS.poolManagerd}\nworker.default_slots = 2
        worker.default_context = ${ENDLESS_CONTEXT}
        worker.llama.cache_mib = 512`,
      }),
  );
});
