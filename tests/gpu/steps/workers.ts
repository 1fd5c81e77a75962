import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes, poolRoutes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { followUs } from "#shared/launcher.ts";
import { checkWhole, followThrough } from "../../faults/rounds.ts";
import { withService } from "../../support/service.ts";
import { range, type Received, until } from "../../support/stack.ts";
import { deviceId, usedOnCard } from "../device.ts";
import { mib, type StepContext } from "../finding.ts";
import { testModels } from "../test_models.ts";

const STREAMS = 32;
/** Tokens of a stream. */
const COUNT = 300;
/** Delivered tokens of all streams after which a worker is killed. */
const KILL_AFTER = 500;

/** Two workers of one model on one device, 32 streams over both, and the end of one of them. */
export async function work(context: StepContext): Promise<void> {
  const { onCpu, report } = context;
  const before = onCpu ? 0 : await usedOnCard();
  await withService(dirname(testModels(context).counter), async (service) => {
    const pool = createClient({ baseUrl: service.poolManagerd.url });
    const { pool_id, models: [model] } = await pool.call(poolRoutes.state, {});
    const { model_ref, fingerprint } = model!;
    for (const n of [1, 2]) {
      await pool.call(poolRoutes.spawn, {
        params: { id: pool_id },
        body: { request_id: `two-${n}`, model_ref, fingerprint, device: deviceId(onCpu) },
      });
    }
    const ready = async () => (await service.workers()).filter(({ state }) => state === "ready");
    await until("both workers are ready", async () => (await ready()).length === 2);
    const both = await ready();
    const held = both.reduce((sum, { memory_bytes }) => sum + memory_bytes, 0);
    const used = onCpu ? held : await usedOnCard() - before;
    const devices = [...new Set(both.map(({ device }) => device))].join(", ");
    report({
      name: "two workers on one device",
      value: `${devices}: they report ${mib(held)}, the device says ${mib(used)}`,
      isOk: devices === deviceId(onCpu),
      figures: { held, used },
    });

    const froms = range(0, STREAMS).map((n) => 400 * n);
    let tokens = 0;
    const { promise: isTime, resolve } = Promise.withResolvers<void>();
    const onEvent = ({ event }: Received) => {
      if (event === "token" && ++tokens === KILL_AFTER) resolve();
    };
    const began = performance.now();
    const streams = Promise.all(froms.map((from) =>
      followThrough(service.client, {
        ...{ model: model_ref, prompt: `w${from}`, max_tokens: COUNT, temperature: 0 },
      }, onEvent)
    ));
    await Promise.race([isTime, streams]);
    assert.ok(tokens < STREAMS * COUNT, "the streams run when a worker is killed");
    const victim = both[0]!;
    Deno.kill(victim.pid, "SIGKILL");
    for (const [n, received] of (await streams).entries()) checkWhole(received, froms[n]!, COUNT);
    const moved =
      (await service.client.call(orchestratorRoutes.listTasks, { query: { limit: STREAMS } })).tasks
        .filter(({ attempts }) => attempts.length > 1).length;
    const seconds = (performance.now() - began) / 1000;
    report({
      name: `kill -9 of a worker among ${STREAMS} streams`,
      value: `all whole, ${moved} went on elsewhere, ${seconds.toFixed(1)} s`,
      // Those of the other worker are not touched.
      isOk: moved > 0 && moved <= STREAMS / 2,
      figures: { moved, seconds },
    });
  }, {
    env: followUs(),
    poolManagerd: `devices.cpu = "always"
      worker.default_context = 512
      worker.default_slots = ${STREAMS / 2}`,
  });
}
