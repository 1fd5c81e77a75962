import { join } from "node:path";
import { BEAT_MS, every } from "#shared/beat.ts";
import type { Logger } from "#shared/logging.ts";
import { LogReader } from "./log_reader.ts";
import { WorkerLog } from "./worker_log.ts";

const SUFFIX = ".log";
/** Most ended workers whose last lines are kept; the oldest are removed first. */
const KEPT_ENDED = 50;

/** A living worker's file, and its readers. */
interface Open {
  readonly file: WorkerLog;
  readonly readers: Set<LogReader>;
}

/**
 * The log files of workers, one each, which are read as they grow. The last lines of ended workers
 * are kept for a while.
 */
export class LogFiles {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #open = new Map<string, Open>();
  #stopLooking = () => {};

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    this.#log = log;
  }

  /** Path of a worker's log file. */
  path(workerId: string): string {
    return join(this.#dir, workerId + SUFFIX);
  }

  /**
   * Follows a worker's file and writes its lines to our own log.
   *
   * @param isAdopted Whether an earlier pool manager has logged the lines that are there.
   */
  follow(workerId: string, isAdopted: boolean): void {
    // The worker's first process failed because its port was taken; this is the next process.
    if (this.#open.has(workerId)) return;
    const log = this.#log.with({ worker_id: workerId });
    const readers = new Set<LogReader>();
    const file = new WorkerLog(this.path(workerId), (line) => {
      log.info("worker_output", { line });
      readers.forEach((reader) => reader.add(line));
    }, isAdopted);
    if (this.#open.size === 0) this.#lookRegularly();
    this.#open.set(workerId, { file, readers });
  }

  /** Reads the rest of an ended worker's file, and keeps only its last lines. */
  ended(workerId: string): void {
    const file = this.#open.get(workerId)?.file ?? this.#read(workerId);
    file.finish();
    this.#close(workerId);
    const path = this.path(workerId);
    // Written to a file beside it first, so that a crash cannot lose them.
    Deno.writeTextFileSync(path + "~", file.lines.map((line) => line + "\n").join(""), {
      mode: 0o600,
    });
    Deno.renameSync(path + "~", path);
    this.#prune();
  }

  /** The last lines of a worker, living or ended. */
  lines(workerId: string): readonly string[] {
    const file = this.#open.get(workerId)?.file ?? this.#read(workerId);
    file.look();
    file.look();
    return file.lines;
  }

  /** Reads the last lines of a worker, then each new one until its end. */
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

  /** Stops reading; files and workers are not affected. */
  close(): void {
    this.#stopLooking();
    for (const workerId of [...this.#open.keys()]) this.#close(workerId);
  }

  #close(workerId: string): void {
    this.#open.get(workerId)?.readers.forEach((reader) => reader.end());
    this.#open.delete(workerId);
    if (this.#open.size === 0) this.#stopLooking();
  }

  #read(workerId: string): WorkerLog {
    return new WorkerLog(this.path(workerId), () => {}, true);
  }

  /** Removes the files of all workers but the living and the last ended ones. */
  #prune(): void {
    const living = new Set([...this.#open.keys()].map((id) => this.path(id)));
    const ended = [...Deno.readDirSync(this.#dir)].map(({ name }) => join(this.#dir, name))
      .filter((path) => !living.has(path))
      .map((path) => ({ path, at: modified(path) ?? 0 }));
    ended.toSorted((a, b) => b.at - a.at).slice(KEPT_ENDED).forEach(({ path }) => removeFile(path));
  }

  #lookRegularly(): void {
    this.#stopLooking = every(BEAT_MS, () => this.#open.forEach(({ file }) => file.look()));
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
