import { createLogger } from "#shared/logging.ts";
import { configSchema } from "../../daemons/orchestratord/config.ts";
import { Orchestratord } from "../../daemons/orchestratord/daemon.ts";
import { FakeEngine } from "../../daemons/worker/testing/fake_engine.ts";
import { openWorker, TOKEN, whenReady } from "../../daemons/worker/testing/worker.ts";
import { registerWorker } from "./source/process.ts";

/** orchestratord and a worker of one slot, in this process. */
export interface OneSlot {
  readonly url: string;
  readonly workerUrl: string;
  readonly engine: FakeEngine;
}

/**
 * Runs orchestratord with a worker of one slot.
 *
 * @param step Ends when a step of the engine may end.
 */
export async function withOneSlot(
  step: () => Promise<void>,
  test: (parts: OneSlot) => Promise<void>,
): Promise<void> {
  const state_dir = await Deno.makeTempDir();
  const engine = new FakeEngine({ step });
  const { worker, client } = await openWorker(() => Promise.resolve(engine), {
    stop_deadline_ms: 100,
  });
  const config = configSchema.parse({
    ...{ port: 0, state_dir },
    pools: { heartbeat_interval_ms: 100_000 },
  });
  const daemon = await Orchestratord.open(config, { log: createLogger("test") });
  try {
    await whenReady(client);
    await registerWorker(daemon.url, { url: worker.url, pid: Deno.pid, token: TOKEN }, 1);
    await test({ url: daemon.url, workerUrl: worker.url, engine });
  } finally {
    await daemon.close();
    await worker.close();
    await Deno.remove(state_dir, { recursive: true });
  }
}
