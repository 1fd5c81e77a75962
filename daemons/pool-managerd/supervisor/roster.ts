import { defined } from "#shared/json.ts";
import type { Clock } from "#shared/clock.ts";
import type { WorkerExit } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { Commitment } from "../devices/room.ts";
import type { Instruments } from "../instruments.ts";
import type { SavedSlots } from "../slots/saved_slots.ts";
import type { PoolStore } from "./pool_store.ts";
import type { LogFiles } from "./log_files.ts";
import type { ProcessTable } from "./process_table.ts";
import { commitmentsOf, type WorkerRecord } from "./record.ts";
import { Worker } from "./worker.ts";
import { killedBy, readLogEnd } from "./log_end.ts";
import { portWasTaken } from "./port_taken.ts";
import type { ExitStatus } from "#shared/process.ts";
import { exitCategory } from "./worker_life.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** Longest log line in an exit, in characters. */
const MAX_DETAIL = 500;

/** Dependencies of a {@linkcode Roster}. */
export interface RosterOptions {
  readonly store: PoolStore;
  readonly logs: LogFiles;
  readonly table: ProcessTable;
  readonly savedSlots: SavedSlots | undefined;
  readonly stopDeadlineMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly instruments: Instruments;
  /** Called when there is something to report to the orchestrator. */
  readonly onChange: () => void;
}

/** Callbacks for the end of a worker. */
export interface RosterObserver {
  /** A worker has ended, so its memory may be free. */
  ended(): void;
  /** It was not stopped by us, so its model's file may be gone. */
  failed(): void;
}

/** The living workers; records their exits when their processes end. */
export class Roster {
  readonly #options: RosterOptions;
  readonly #workers = new Map<string, { worker: Worker; ended: Promise<void> }>();
  /** The kernel's count of out-of-memory kills at the last two checks. */
  #memoryKills: readonly [number, number];
  #observer: RosterObserver = { ended() {}, failed() {} };
  #lastExitAt = -Infinity;
  #isClosed = false;

  constructor(options: RosterOptions) {
    this.#options = options;
    const kills = options.table.memoryKills();
    this.#memoryKills = [kills, kills];
  }

  /** Sets the callbacks for the end of a worker. */
  observe(observer: RosterObserver): void {
    this.#observer = observer;
  }

  /** Every living worker, oldest first. */
  get all(): Worker[] {
    return [...this.#workers.values()].map(({ worker }) => worker);
  }

  /** Memory of the workers on their devices. */
  get commitments(): Commitment[] {
    return this.all.flatMap(({ record }) => commitmentsOf(record));
  }

  /** Whether a worker is being started. */
  get isLoading(): boolean {
    return this.all.some(({ record: { life } }) =>
      life.state === "starting" || life.state === "loading"
    );
  }

  /** Ids of the living workers of a model. */
  workersOf(fingerprint: string): string[] {
    return this.all.filter(({ record }) => record.fingerprint === fingerprint).map(({ id }) => id);
  }

  /** When a worker last ended. */
  get lastExitAt(): number {
    return this.#lastExitAt;
  }

  find(workerId: string): Worker | undefined {
    return this.#workers.get(workerId)?.worker;
  }

  /** @throws {LlorchError} `NOT_FOUND` if there is no such living worker */
  get(workerId: string): Worker {
    const worker = this.find(workerId);
    if (worker) return worker;
    throw new LlorchError("NOT_FOUND", `Cannot find worker "${workerId}" among the living`);
  }

  /** Resolves when the worker's exit is recorded; at once if it is. */
  ended(workerId: string): Promise<void> {
    return this.#workers.get(workerId)?.ended ?? Promise.resolve();
  }

  /**
   * Adds a worker that was just started, and watches its process.
   *
   * @param startAgain Starts the same worker on another port when its own was taken, and says
   * whether it has.
   */
  add(
    record: WorkerRecord,
    process: WorkerProcess,
    startAgain: (record: WorkerRecord) => boolean,
  ): void {
    // It may have logged something already, and even ended.
    this.#options.logs.follow(record.worker_id, false);
    this.#watch(record, process, startAgain);
  }

  /** Adds a worker that an earlier pool manager started. */
  adopt(record: WorkerRecord, process: WorkerProcess): Worker {
    this.#options.logs.follow(record.worker_id, true);
    return this.#watch(record, process, () => false);
  }

  #watch(
    record: WorkerRecord,
    process: WorkerProcess,
    startAgain: (record: WorkerRecord) => boolean,
  ): Worker {
    const worker = new Worker(record, process, this.#options);
    const ended = process.exited.then((status) => {
      if (!this.#isClosed) this.#end(worker, status, startAgain);
    }).catch((error) => {
      this.#options.log.error("worker_exit_not_recorded", { worker_id: worker.id, error });
    });
    this.#workers.set(worker.id, { worker, ended });
    return worker;
  }

  /** Records the exit of a worker whose process is gone. */
  bury(record: WorkerRecord, seen: ExitStatus): void {
    const { store, logs, clock, log, instruments, onChange } = this.#options;
    const { worker_id, life } = record;
    const lines = logs.lines(worker_id);
    const { exitCode = null } = readLogEnd(lines);
    // Only its parent gets its exit status; its log has it if it ended in an orderly way.
    const isUnknown = seen.exit_code === null && seen.signal === null;
    const status = isUnknown ? { ...seen, exit_code: exitCode } : seen;
    const { reason } = readLogEnd(lines, killedBy(status, clock.now()));
    const category = exitCategory(life, status, this.#hasKernelKilled(), lines);
    const detail = category === "stop" ? undefined : reason?.slice(0, MAX_DETAIL);
    const exit: WorkerExit = {
      worker_id,
      exit_code: status.exit_code,
      signal: status.signal,
      category,
      at: new Date(clock.now()).toISOString(),
      ...defined({ detail }),
    };
    store.recordExit(exit);
    logs.ended(worker_id);
    instruments.exited(category);
    const wasReady = record.callback !== null;
    if (!wasReady && category !== "stop") instruments.started("failed");
    log[category === "stop" ? "info" : "warn"]("worker_exit", { ...exit, was_ready: wasReady });
    onChange();
    if (category !== "stop") this.#observer.failed();
  }

  /** Updates the count of out-of-memory kills; called regularly. */
  lookAtKernel(): void {
    this.#memoryKills = [this.#memoryKills[1], this.#options.table.memoryKills()];
  }

  /** Stops watching; living processes go on. */
  close(): void {
    this.#isClosed = true;
    this.all.forEach((worker) => worker.dispose());
    this.#workers.clear();
  }

  #end(
    worker: Worker,
    status: ExitStatus,
    startAgain: (record: WorkerRecord) => boolean,
  ): void {
    worker.dispose();
    this.#workers.delete(worker.id);
    this.#lastExitAt = this.#options.clock.steady();
    this.#observer.ended();
    const { record } = worker;
    const mayStart = record.callback === null && record.life.cause === null && record.port !== 0;
    if (mayStart && portWasTaken(this.#options.logs.lines(worker.id)) && startAgain(record)) return;
    this.bury(record, status);
  }

  #hasKernelKilled(): boolean {
    return this.#options.table.memoryKills() > this.#memoryKills[0];
  }
}
