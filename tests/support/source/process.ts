import type { PoolState } from "#shared/contracts/mod.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { type Program, startProgram, within } from "../stack.ts";

/** A running source. */
export interface Source {
  readonly url: string;
  readonly program: Program;
}

/**
 * Starts a source with `intervalMs` between two tokens of a stream; 0: as fast as they are read.
 *
 * @param firstMs Time to the first token, in ms.
 */
export async function startSource(intervalMs: number, firstMs = 0): Promise<Source> {
  const args = [`--interval-ms=${intervalMs}`, `--first-ms=${firstMs}`];
  const program = startProgram("tests/support/source/main.ts", "tools", args);
  const line = await within(program.lines.next(), "the source listens");
  if (line.done) throw new Error(`The source ended: ${program.stderr()}`);
  return { url: JSON.parse(line.value).url, program };
}

/** A worker that a test has started by itself. */
export interface OwnWorker {
  readonly url: string;
  readonly pid: number;
  readonly token: string;
}

/** Registers a pool at an orchestrator, with a source as in {@linkcode registerWorker}. */
export function registerSource(
  orchestratorUrl: string,
  { url, program }: Source,
  slots: number,
): Promise<void> {
  return registerWorker(orchestratorUrl, { url, pid: program.pid, token: "source" }, slots);
}

/**
 * Registers a pool at an orchestrator. Its only worker is a given one, with the model `counter`
 * loaded. It reports only once, so `pools.heartbeat_interval_ms` of the orchestrator must be long.
 */
export async function registerWorker(
  orchestratorUrl: string,
  { url, pid, token }: OwnWorker,
  slots: number,
): Promise<void> {
  const model_ref = "file:/models/counter.gguf";
  const fingerprint = "f".repeat(64);
  const state: PoolState = {
    pool_id: "source",
    instance_id: "source",
    endpoint: url,
    version: "0",
    models_revision: 1,
    devices: [{ id: "cpu", kind: "cpu", name: "cpu", total_bytes: 1e10, free_bytes: 1e10 }],
    models: [{
      model_ref,
      aliases: ["counter"],
      fingerprint,
      path: "/models/counter.gguf",
      size_bytes: 1,
      architecture: "llama",
      context_length: 1_000_000,
      weight_bytes: 1,
      kv_bytes_per_token: 1,
      compute_bytes: 1,
      staged: false,
    }],
    workers: [{
      worker_id: "source",
      request_id: "source",
      pid,
      model_ref,
      fingerprint,
      device: "cpu",
      uri: url,
      token,
      backend: "source",
      capabilities: ["generate"],
      state: "ready",
      context: 1_000_000,
      slots,
      active: 0,
      memory_bytes: 1,
    }],
    exits: [],
  };
  await createClient({ baseUrl: orchestratorUrl }).call(routes.registerPool, { body: state });
}
