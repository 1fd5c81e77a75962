import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { CuttingProxy } from "../support/cutting_proxy.ts";
import { withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, type Received, run } from "../support/stack.ts";
import { checkNoLeak, checkWhole, countTask, followThrough, inRounds, PATIENT } from "./rounds.ts";

/** Workers listen on the usual address and are reached, through a proxy, at this one. */
const BEHIND = "127.0.0.2";
/** Number of ports that workers may use. */
const PORTS = 10;
const STREAMS = 6;
/** Numbers of a stream: on a busy machine, this process hears of them long after the worker wrote them. */
const LONG = 900;

Deno.test({
  name: "connections between orchestratord and a worker are cut: every stream is whole" +
    (Deno.build.os === "linux" ? "" : ` (skipped: ${BEHIND} is an address of Linux)`),
  ignore: Deno.build.os !== "linux",
  async fn(t) {
    const base = freePort();
    const proxies = range(base, PORTS).map((port) =>
      new CuttingProxy(`http://127.0.0.1:${port}`, { hostname: BEHIND, port })
    );
    try {
      await withService(dirname(slowCounterModel()), async (service) => {
        const { client } = service;
        await run(client, countTask(0, 3));
        const known = new Set((await service.workers()).map(({ pid }) => pid));
        let cuts = 0;
        await checkNoLeak(
          service,
          known,
          () =>
            inRounds(t, "connections to the worker are cut", async (n) => {
              const froms = range(0, STREAMS).map((k) => 1000 * k + n);
              let tokens = 0;
              const onEvent = ({ event }: Received) => {
                if (event !== "token" || ++tokens % 1200 !== 50 + n % 100) return;
                cuts++;
                for (const proxy of proxies) proxy.cut();
              };
              const all = await Promise.all(
                froms.map((from) => followThrough(client, countTask(from, LONG), onEvent)),
              );
              for (const [k, received] of all.entries()) checkWhole(received, froms[k]!, LONG);
            }),
        );
        const { tasks } = await client.call(routes.listTasks, { query: { limit: 500 } });
        const again = tasks.filter(({ attempts }) => attempts.length > 1);
        assert.ok(again.length >= cuts / 2, `${cuts} cuts, ${again.length} retried jobs`);
        const now = (await service.workers()).map(({ pid }) => pid);
        assert.deepEqual(now, [...known], "no worker was replaced because of a cut");
      }, {
        ...PATIENT,
        poolManagerd: `${PATIENT.poolManagerd}\nworker.advertise_host = "${BEHIND}"`,
        workerPortBase: base,
      });
    } finally {
      for (const proxy of proxies) proxy.close();
    }
  },
});

/** A port that is free now, and low enough that the ports above it exist. */
function freePort(): number {
  while (true) {
    using listener = Deno.listen({ hostname: BEHIND, port: 0 });
    const { port } = listener.addr;
    if (port + PORTS < 65_536) return port;
  }
}
