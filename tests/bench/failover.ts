import { dirname } from "node:path";
import { poolRoutes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { checkWhole, countTask } from "../faults/rounds.ts";
import { withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { follow, range, type Received, run, until } from "../support/stack.ts";
import { type Bench, median, percentile } from "./bench.ts";

const ROUNDS = 40;
const WORKERS = 2;
/** Tokens before the kill, and of the whole answer. */
const [BEFORE, TOKENS] = [64, 160];
/** What 99 of 100 clients may wait for the next token, in ms. */
const LIMIT_MS = 250;

/** The gap in a stream whose worker is killed while another worker of the model is idle. */
export const failover: Bench = {
  title: `kill -9 of a stream's worker after ${BEFORE} tokens, another one warm; ${ROUNDS} streams`,
  async measure() {
    const gaps: number[] = [];
    const usual: number[] = [];
    await withService(dirname(slowCounterModel()), async ({ client, poolManagerd, workers }) => {
      const pool = createClient({ baseUrl: poolManagerd.url });
      const { pool_id, models: [model] } = await pool.call(poolRoutes.state, {});
      const { model_ref, fingerprint } = model!;
      const body = { model_ref, fingerprint };
      const untilWarm = async () => {
        const missing = WORKERS - (await pool.call(poolRoutes.state, {})).workers.length;
        for (const n of range(0, missing)) {
          const request_id = `failover-${gaps.length}-${n}`;
          await pool.call(poolRoutes.spawn, {
            params: { id: pool_id },
            body: { ...body, request_id },
          });
        }
        await until("the workers are warm", async () => {
          const ready = (await workers()).filter(({ state }) => state === "ready");
          return ready.length === WORKERS;
        });
      };
      await run(client, countTask(0, 3));
      for (const n of range(0, ROUNDS)) {
        await untilWarm();
        const received: Received[] = [];
        let killedAt: number | undefined;
        let last = NaN;
        let longest = 0;
        for await (const event of follow(client, countTask(n, TOKENS))) {
          received.push(event);
          if (event.event !== "token") continue;
          const now = performance.now();
          const gap = now - last;
          last = now;
          if (killedAt !== undefined) longest = Math.max(longest, gap);
          else if (gap > 0) usual.push(gap);
          if (event.data.i === BEFORE) {
            const busy = (await workers()).find(({ active }) => active > 0);
            if (!busy) throw new Error("No worker is busy");
            Deno.kill(busy.pid, "SIGKILL");
            killedAt = last = performance.now();
          }
        }
        checkWhole(received, n, TOKENS);
        gaps.push(longest);
        await until(
          "the killed worker is forgotten",
          async () => (await workers()).length < WORKERS,
        );
      }
    });
    const p99 = percentile(gaps, 0.99);
    const ms = (value: number) => `${value.toFixed(0)} ms`;
    return [
      { name: "usual gap, p50", value: ms(median(usual)) },
      { name: "gap at the kill, p50", value: ms(median(gaps)) },
      {
        name: "gap at the kill, p99",
        value: ms(p99),
        target: `at most ${LIMIT_MS} ms`,
        isMet: p99 <= LIMIT_MS,
      },
    ];
  },
};
