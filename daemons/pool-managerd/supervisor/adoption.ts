import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { PoolConfig } from "../config.ts";
import type { PoolStore } from "./pool_store.ts";
import type { Probe } from "./probe.ts";
import type { Roster } from "./roster.ts";
import type { Worker } from "./worker.ts";
import type { Spawner } from "./worker_process.ts";

/** Dependencies of {@linkcode adoptWorkers}. */
export interface AdoptionOptions {
  readonly config: PoolConfig["worker"];
  readonly store: PoolStore;
  readonly spawner: Spawner;
  readonly roster: Roster;
  readonly probe: Probe;
  readonly log: Logger;
}

/**
 * Adopts the workers of an earlier pool manager.
 *
 * 1. If its process is gone (by pid and start time), an exit is recorded.
 * 2. If it lives and has not called back yet, its start deadline keeps running.
 * 3. If it was ready, it must answer with its own id and accept its token; otherwise it is killed.
 */
export async function adoptWorkers(options: AdoptionOptions): Promise<void> {
  const { store, spawner, roster, log } = options;
  const records = store.workers();
  const adopted = records.flatMap((record) => {
    const { pid, start_time } = record;
    const process = pid !== null && start_time !== null
      ? spawner.adopt(pid, start_time)
      : undefined;
    // 1
    if (!process) {
      roster.bury(record, { exit_code: null, signal: null });
      return [];
    }
    return [roster.adopt(record, process)];
  });
  await Promise.all(adopted.map(async (worker) => {
    // 2, 3
    const reason = worker.record.callback === null
      ? undefined
      : await whyNotItself(worker, options);
    if (reason === undefined) {
      log.info("worker_adopted", { worker_id: worker.id, pid: worker.process.pid });
      return;
    }
    log.error("worker_not_adopted", { worker_id: worker.id, pid: worker.process.pid, reason });
    worker.apply({ type: "unresponsive" });
  }));
}

async function whyNotItself(
  worker: Worker,
  { config, probe }: AdoptionOptions,
): Promise<string | undefined> {
  const { token } = worker.record;
  const address = worker.address(config.host);
  if (address === undefined) return "its address is not known";
  try {
    const health = await probe.health(address, token, config.adopt_timeout_ms);
    if (health.worker_id !== worker.id) return `"${health.worker_id}" answers at ${address}`;
    const isOurs = await probe.takesToken(address, token, config.adopt_timeout_ms);
    return isOurs ? undefined : `${address} does not take its token`;
  } catch (error) {
    return errorMessage(error);
  }
}
