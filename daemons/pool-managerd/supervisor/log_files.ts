import { join } from "node:path";
import type { Clock } from "#shared/clock.ts";
import type { Logger } from "#shared/logging.ts";
import { WorkerLog } from "./worker_log.ts";

/** How often workers' log files are read, in milliseconds. */
const LOOK_MS = 250;
const SUFFIX = ".log";

/** The log files of workers: one each, read as it grows, removed when nobody needs it any more. */
export class LogFiles {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open = new Map<string, WorkerLog>();
  #cancelTimer = () => {};

  constructor(dir: string, clock: Clock, log: Logger) {
    this.#dir = dir;
    this.#clock = clock;
    this.#log = log;
  }

  /** Where a worker is to write. */
  path(workerId: string): string {
    return join(this.#dir, workerId + SUFFIX);
  }

  /** Follows a worker's file and passes its lines on to our own log. */
  follow(workerId: string): WorkerLog {
    const log = this.#log.with({ worker_id: workerId });
    const file = new WorkerLog(this.path(workerId), (line) => log.info("worker_output", { line }));
    if (this.#open.size === 0) this.#lookLater();
    this.#open.set(workerId, file);
    return file;
  }

  /** Reads a file to its end and stops following it. */
  unfollow(workerId: string): void {
    this.#open.get(workerId)?.look();
    this.#open.delete(workerId);
    if (this.#open.size === 0) this.#cancelTimer();
  }

  /** The last lines of a worker that lives or whose end nobody has acknowledged. */
  lines(workerId: string): readonly string[] {
    const open = this.#open.get(workerId);
    open?.look();
    return (open ?? new WorkerLog(this.path(workerId), () => {})).lines;
  }

  remove(workerId: string): void {
    removeFile(this.path(workerId));
  }

  /** Removes the files of all but these workers: what earlier pool managers left behind. */
  keepOnly(workerIds: ReadonlySet<string>): void {
    for (const { name } of Deno.readDirSync(this.#dir)) {
      if (name.endsWith(SUFFIX) && !workerIds.has(name.slice(0, -SUFFIX.length))) {
        removeFile(join(this.#dir, name));
      }
    }
  }

  close(): void {
    this.#cancelTimer();
    this.#open.clear();
  }

  #lookLater(): void {
    this.#cancelTimer = this.#clock.after(LOOK_MS, () => {
      this.#open.forEach((file) => file.look());
      this.#lookLater();
    });
  }
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
