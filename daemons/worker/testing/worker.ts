import { type Client, createClient } from "#shared/http/client.ts";
import { createLogger } from "#shared/logging.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { type WorkerConfig, workerConfig } from "../config.ts";
import type { LoadEngine } from "../engine/engine.ts";
import { localModel } from "../batch/local_model.ts";
import { Worker } from "../worker.ts";

/** Token of workers in tests. */
export const TOKEN = "worker-token";

/** The model that ships: small and real. */
export const DEMO_MODEL = new URL("../../../catalog/demo/demo.gguf", import.meta.url).pathname;

/** A configuration for tests: any free port, one thread. */
export function testConfig(fields: Record<string, unknown> = {}): WorkerConfig {
  return workerConfig.parse({
    model: DEMO_MODEL,
    port: 0,
    threads: 1,
    standalone: fields["callback_url"] === undefined,
    ...fields,
  });
}

/** Opens a worker, and a client that has its token. */
export async function openWorker(
  loadEngine: LoadEngine,
  fields: Record<string, unknown> = {},
): Promise<{ worker: Worker; client: Client }> {
  const worker = await Worker.open(testConfig(fields), {
    loadModel: localModel(loadEngine),
    log: createLogger("test"),
    token: TOKEN,
    spawnToken: "spawn-token",
  });
  return { worker, client: createClient({ baseUrl: worker.url, token: TOKEN }) };
}

/** Resolves when the worker is ready. */
export async function whenReady(client: Client): Promise<void> {
  for (let tries = 0;; tries++) {
    const { state } = await client.call(workerRoutes.health, {});
    if (state === "ready") return;
    if (tries > 1000) throw new Error(`The worker is still ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
