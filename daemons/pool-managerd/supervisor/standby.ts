import { rmSync } from "node:fs";
import type { StandbyOrders } from "#shared/contracts/worker.ts";
import { STANDBY } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Executable } from "#shared/executables.ts";
import type { Logger } from "#shared/logging.ts";
import { standbyModelPath } from "#shared/paths.ts";
import type { LogFiles } from "./log_files.ts";
import { newWorkerId } from "./record.ts";
import type { PreparedProcess, Spawner, WorkerProcess } from "./worker_process.ts";

/** Dependencies of a {@linkcode Standby}. */
export interface StandbyOptions {
  readonly spawner: Spawner;
  readonly logs: LogFiles;
  readonly log: Logger;
  /** Finds the worker's program for a kind of device. */
  readonly findWorker: (kind: string) => Executable;
  /** Environment of the process. */
  readonly env: Readonly<Record<string, string>>;
}

interface Waiting {
  /** The id that the worker will have, for the name of its log. */
  readonly workerId: string;
  readonly kind: string;
  readonly prepared: PreparedProcess;
}

/** Pause before the next process is prepared, so that it does not delay the one just started. */
const PREPARE_AFTER_MS = 50;

/**
 * Keeps one worker process prepared, which waits for its model. That saves half of the time of a
 * small model's load. A pool keeps one only after it has swapped models: it takes memory, and a
 * host whose models all fit never needs it.
 */
export class Standby {
  readonly #options: StandbyOptions;
  #waiting: Waiting | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /** Prepares a process for a kind of device soon, unless one waits already. */
  prepare(kind: string): void {
    clearTimeout(this.#soon);
    if (this.#isClosed || this.#waiting?.kind === kind) return;
    this.#soon = setTimeout(() => this.#prepare(kind), PREPARE_AFTER_MS);
  }

  #prepare(kind: string): void {
    this.#discard();
    const { spawner, logs, log, findWorker, env } = this.#options;
    const workerId = newWorkerId();
    try {
      const { command, args } = findWorker(kind);
      const words = [STANDBY, ...(kind === "cpu" ? ["--gpu", "none"] : [])];
      const executable = { command, args: [...args, ...words] };
      const prepared = spawner.prepare(executable, env, logs.path(workerId));
      const waiting = { workerId, kind, prepared };
      this.#waiting = waiting;
      log.info("worker_standby", { worker_id: workerId, pid: prepared.process.pid });
      void prepared.process.exited.then(() => {
        if (this.#waiting !== waiting) return;
        log.warn("worker_standby_ended", { worker_id: workerId });
        this.#discard();
      });
    } catch (error) {
      logs.remove(workerId);
      log.warn("worker_standby_failed", { reason: errorMessage(error) });
    }
  }

  /** Id of the process that waits for this kind of device. */
  idFor(kind: string): string | undefined {
    return this.#waiting?.kind === kind ? this.#waiting.workerId : undefined;
  }

  /** Sends its orders to the waiting process; undefined if that is not this worker's. */
  take(workerId: string, orders: StandbyOrders): WorkerProcess | undefined {
    const waiting = this.#waiting;
    if (waiting?.workerId !== workerId) return undefined;
    this.#waiting = undefined;
    waiting.prepared.order(orders);
    return waiting.prepared.process;
  }

  /** Ends the waiting process, and prepares no more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#soon);
    this.#discard();
  }

  #discard(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    const { process } = waiting.prepared;
    process.signal("SIGKILL");
    process.forget();
    this.#options.logs.remove(waiting.workerId);
    rmSync(standbyModelPath(process.pid), { force: true });
  }
}
