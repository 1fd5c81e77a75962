import type { PoolWorker, WorkerUpdate } from "#shared/contracts/pool.ts";

/**
 * What the orchestrator knows of our workers: that travels once, and then only what changes while they
 * serve, so that a heartbeat stays small however many there are.
 */
export class KnownWorkers {
  /** What the last report said of each worker, as text. */
  #told = new Map<string, string>();
  /** What the orchestrator has said that it knows. */
  #known = new Map<string, string>();

  /** The workers as the next report tells them; those that the orchestrator knows in short. */
  report(workers: readonly PoolWorker[]): (PoolWorker | WorkerUpdate)[] {
    this.#told = new Map(workers.map((worker) => [worker.worker_id, lasting(worker)]));
    return workers.map((worker) => {
      const { worker_id, state, active, memory_bytes } = worker;
      const isKnown = this.#known.get(worker_id) === this.#told.get(worker_id);
      return isKnown ? { worker_id, state, active, memory_bytes } : worker;
    });
  }

  /** The orchestrator has taken the last report, and knows these workers. */
  taken(workerIds: readonly string[]): void {
    const ids = new Set(workerIds);
    this.#known = new Map([...this.#told].filter(([id]) => ids.has(id)));
  }

  /** The orchestrator may know nothing any more. */
  forget(): void {
    this.#known.clear();
  }
}

/** What does not change of a worker that serves. */
function lasting({ state: _s, active: _a, memory_bytes: _m, ...rest }: PoolWorker): string {
  return JSON.stringify(rest);
}
