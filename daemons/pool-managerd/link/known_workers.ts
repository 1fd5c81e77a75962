import type { PoolWorker, WorkerUpdate } from "#shared/contracts/pool.ts";
import { defined } from "#shared/json.ts";

/**
 * Tracks what the orchestrator knows of our workers. Their lasting fields are sent once, then only
 * what changes while they serve, so that heartbeats stay small.
 */
export class KnownWorkers {
  /** Lasting fields of each worker in the last report, as JSON. */
  #sent = new Map<string, string>();
  /** Lasting fields of each worker that the orchestrator has confirmed, as JSON. */
  #known = new Map<string, string>();

  /** The workers for the next report; only changing fields of those that the orchestrator knows. */
  report(workers: readonly PoolWorker[]): (PoolWorker | WorkerUpdate)[] {
    this.#sent = new Map(workers.map((worker) => [worker.worker_id, lasting(worker)]));
    return workers.map((worker) => {
      const { worker_id, state, active, memory_bytes, server_load } = worker;
      const isKnown = this.#known.get(worker_id) === this.#sent.get(worker_id);
      const update = { worker_id, state, active, memory_bytes, ...defined({ server_load }) };
      return isKnown ? update : worker;
    });
  }

  /** Records that the orchestrator accepted the last report and knows these workers. */
  taken(workerIds: readonly string[]): void {
    const ids = new Set(workerIds);
    this.#known = new Map([...this.#sent].filter(([id]) => ids.has(id)));
  }

  /** Records that the orchestrator may know no worker any more. */
  forget(): void {
    this.#known.clear();
  }
}

/** The fields that do not change while a worker serves, as JSON. */
function lasting(
  { state: _s, active: _a, memory_bytes: _m, server_load: _l, ...rest }: PoolWorker,
): string {
  return JSON.stringify(rest);
}
