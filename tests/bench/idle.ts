import { dirname } from "node:path";
import { poolRoutes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, until } from "../support/stack.ts";
import type { Bench, Figure } from "./bench.ts";

const WORKERS = 3;
const MEASURED_MS = 60_000;
/** Pause between the last start and the measurement, in ms. */
const SETTLE_MS = 5_000;
/** Share of a core that a pool manager may cost. */
const TARGET = 0.01;
/** Ticks of the kernel's accounting in a second. */
const TICKS = 100;

/** CPU time of an idle host: the daemons with default settings, a few workers, and no jobs. */
export const idleHost: Bench = {
  title: `an idle host with ${WORKERS} workers over ${MEASURED_MS / 1000} s, default settings`,
  async measure() {
    const figures: Figure[] = [];
    await withService(dirname(slowCounterModel()), async (service) => {
      const pool = createClient({ baseUrl: service.poolManagerd.url });
      const { pool_id, models: [model] } = await pool.call(poolRoutes.state, {});
      const { model_ref, fingerprint } = model!;
      for (const n of range(0, WORKERS)) {
        await pool.call(poolRoutes.spawn, {
          params: { id: pool_id },
          body: { request_id: `idle-${n}`, model_ref, fingerprint },
        });
      }
      let pids: number[] = [];
      await until("the workers are ready", async () => {
        const { workers } = await pool.call(poolRoutes.state, {});
        pids = workers.map(({ pid }) => pid);
        return workers.filter(({ state }) => state === "ready").length === WORKERS;
      });
      await delay(SETTLE_MS);
      const processes = [
        ["pool-managerd", service.poolManagerd.program.pid],
        ["orchestratord", service.orchestratord.program.pid],
        ...pids.map((pid) => ["a worker", pid] as const),
      ] as const;
      const before = processes.map(([, pid]) => cpuMs(pid));
      const began = performance.now();
      await delay(MEASURED_MS);
      const passed = performance.now() - began;
      for (const [index, [name, pid]] of processes.entries()) {
        const share = (cpuMs(pid) - before[index]!) / passed;
        figures.push({
          name,
          value: `${(100 * share).toFixed(2)} % of a core`,
          ...(name === "pool-managerd"
            ? { target: `under ${100 * TARGET} %`, isMet: share < TARGET }
            : {}),
        });
      }
    });
    return figures;
  },
};

/** CPU time of a process, user and system, in ms. */
function cpuMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS;
}
