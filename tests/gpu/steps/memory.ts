import assert from "node:assert/strict";
import { join } from "node:path";
import { dirname } from "node:path";
import { poolRoutes } from "#shared/contracts/mod.ts";
import { loadMemory } from "#shared/contracts/worker.ts";
import { createClient } from "#shared/http/client.ts";
import { followUs } from "#shared/launcher.ts";
import { runProgram } from "#shared/run_program.ts";
import { withService } from "../../support/service.ts";
import { run, until } from "../../support/stack.ts";
import { cardIsFree, deviceId, gpuFlag, residentBytes, usedOnCard } from "../device.ts";
import { binDir, type StepContext } from "../finding.ts";
import {
  compareLoad,
  flagsOf,
  type LoadFigures,
  type TestLoad,
  testLoads,
  tomlOf,
} from "../loads.ts";
import { testModels } from "../test_models.ts";

/** Memory of loads: what the pool manager claims, what a worker estimates, and what the device says. */
export async function work(context: StepContext): Promise<void> {
  const { onCpu, report } = context;
  for (const load of testLoads(onCpu)) {
    try {
      report(compareLoad(load.name, await measure(load, context), onCpu));
    } catch (error) {
      console.error(error);
      report({ name: load.name, value: String(error).split("\n")[0]!, isOk: false });
    }
  }
}

async function measure(load: TestLoad, context: StepContext): Promise<LoadFigures> {
  const { onCpu } = context;
  const model = testModels(context)[load.model];
  const estimate = await estimated(load, model, context);
  const before = onCpu ? 0 : await usedOnCard();
  let [claim, used] = [0, 0];
  await withService(dirname(model), async (service) => {
    const pool = createClient({ baseUrl: service.poolManagerd.url });
    const { pool_id, models: [found] } = await pool.call(poolRoutes.state, {});
    assert.ok(found, "the pool manager has found the model");
    claim = found.default_load!.device_bytes[onCpu ? "cpu" : "cuda"]!;
    const { model_ref, fingerprint } = found;
    const device = deviceId(onCpu);
    await pool.call(poolRoutes.spawn, {
      params: { id: pool_id },
      body: { request_id: "load", model_ref, fingerprint, device },
    });
    let pid = 0;
    await until("the worker is ready", async () => {
      const { workers, exits } = await pool.call(poolRoutes.state, {});
      assert.deepEqual(exits, [], "no worker ends");
      const ready = workers.find(({ state }) => state === "ready");
      pid = ready?.pid ?? 0;
      return ready !== undefined;
    });
    // The first answer takes memory that a load does not.
    const events = await run(service.client, { model: model_ref, prompt: "w1 w2", max_tokens: 16 });
    assert.equal(events.at(-1)?.event, "end");
    used = onCpu ? await residentBytes(pid) : await usedOnCard() - before;
  }, {
    env: followUs(),
    poolManagerd: `devices.cpu = "always"
      worker.default_context = ${load.context}
      worker.default_slots = ${load.slots}
      [worker.llama]\n${tomlOf(load.settings)}`,
  });
  if (!onCpu) await cardIsFree(before);
  return { claim, estimate, used };
}

async function estimated(
  { context, slots, settings }: TestLoad,
  model: string,
  { onCpu, work }: StepContext,
): Promise<number> {
  const { code, stdout, stderr } = await runProgram({
    command: join(binDir(work), "llorch-candled"),
    args: [
      ...["--estimate", `--model=${model}`, `--context=${context}`, `--slots=${slots}`],
      ...[`--gpu=${gpuFlag(onCpu)}`, ...flagsOf(settings)],
    ],
  });
  assert.equal(code, 0, stderr);
  return loadMemory.parse(JSON.parse(stdout)).device_bytes;
}
