import { join } from "node:path";
import type { Clock } from "#shared/clock.ts";
import type { Logger } from "#shared/logging.ts";
import { LogReader } from "./log_reader.ts";
import { WorkerLog } from "./worker_log.ts";

/** How often workers' log files are read, in milliseconds. */
const LOOK_MS = 250;
const SUFFIX = ".log";
/** Workers that have ended whose last lines are kept; the oldest go first. */
const KEPT_ENDED = 50;

/** A living worker's file, and those who read along. */
interface Open {
  readonly file: WorkerLog;
  readonly readers: Set<LogReader>;
}

/**
 * The log files of workers: one each, read as it grows. Of a worker that has ended the last lines stay,
 * whether or not anybody has heard of its end.
 */
export class LogFiles {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open = new Map<string, Open>();
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

  /**
   * Follows a worker's file and passes its lines on to our own log.
   *
   * @param isAdopted An earlier pool manager has passed on what stands there.
   */
  follow(workerId: string, isAdopted: boolean): void {
    // Its first process lost its port, and another follows.
    if (this.#open.has(workerId)) return;
    const log = this.#log.with({ worker_id: workerId });
    const readers = new Set<LogReader>();
    const file = new WorkerLog(this.path(workerId), (line) => {
      log.info("worker_output", { line });
      readers.forEach((reader) => reader.add(line));
    }, isAdopted);
    if (this.#open.size === 0) this.#lookLater();
    this.#open.set(workerId, { file, readers });
  }

  /** Reads the file of a worker that has ended to its end, and keeps its last lines alone. */
  ended(workerId: string): void {
    const file = this.#open.get(workerId)?.file ?? this.#read(workerId);
    file.finish();
    this.#close(workerId);
    const path = this.path(workerId);
    // Beside it first: a crash of ours in between must not lose them.
    Deno.writeTextFileSync(path + "~", file.lines.map((line) => line + "\n").join(""), {
      mode: 0o600,
    });
    Deno.renameSync(path + "~", path);
    this.#prune();
  }

  /** The last lines of a worker that lives, or that ended a while ago. */
  lines(workerId: string): readonly string[] {
    const file = this.#open.get(workerId)?.file ?? this.#read(workerId);
    file.look();
    file.look();
    return file.lines;
  }

  /** The last lines of a worker, then each new one until its end. */
  read(workerId: string): LogReader {
    const reader = new LogReader(this.lines(workerId));
    const readers = this.#open.get(workerId)?.readers;
    if (readers === undefined) reader.end();
    else {
      readers.add(reader);
      void reader.closed.then(() => readers.delete(reader));
    }
    return reader;
  }

  /** Whether there are lines of this worker. */
  has(workerId: string): boolean {
    return this.#open.has(workerId) || modified(this.path(workerId)) !== undefined;
  }

  remove(workerId: string): void {
    removeFile(this.path(workerId));
  }

  /** Ends the reading; files and workers go on. */
  close(): void {
    this.#cancelTimer();
    for (const workerId of [...this.#open.keys()]) this.#close(workerId);
  }

  #close(workerId: string): void {
    this.#open.get(workerId)?.readers.forEach((reader) => reader.end());
    this.#open.delete(workerId);
    if (this.#open.size === 0) this.#cancelTimer();
  }

  #read(workerId: string): WorkerLog {
    return new WorkerLog(this.path(workerId), () => {}, true);
  }

  /** Removes the files of all but the living and those that ended last. */
  #prune(): void {
    const living = new Set([...this.#open.keys()].map((id) => this.path(id)));
    const ended = [...Deno.readDirSync(this.#dir)].map(({ name }) => join(this.#dir, name))
      .filter((path) => !living.has(path))
      .map((path) => ({ path, at: modified(path) ?? 0 }));
    ended.toSorted((a, b) => b.at - a.at).slice(KEPT_ENDED).forEach(({ path }) => removeFile(path));
  }

  #lookLater(): void {
    this.#cancelTimer = this.#clock.after(LOOK_MS, () => {
      this.#open.forEach(({ file }) => file.look());
      this.#lookLater();
    });
  }
}

function modified(path: string): number | undefined {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return undefined;
  }
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
