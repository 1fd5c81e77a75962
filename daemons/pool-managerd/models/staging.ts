import type { Clock } from "#shared/clock.ts";
import type { Device, PoolModel } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { splitPart } from "#shared/models/split.ts";
import type { StagedFile, StagedFiles } from "./staged_files.ts";
import { type StagedCopy, toFree, toReplace } from "./staging_plan.ts";

/** Dependencies of {@linkcode Staging}. */
export interface StagingOptions {
  /** Undefined: nothing is staged. */
  readonly files: StagedFiles | undefined;
  readonly maxBytes: number;
  /** Ids of the living workers of a model. */
  readonly workersOf: (fingerprint: string) => readonly string[];
  /** Bytes of the machine's memory that are not needed. */
  readonly room: () => Promise<number>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Entry {
  readonly file: StagedFile;
  usedAt: number;
  /** Living workers that were, or may have been, started from it. */
  readonly workers: Set<string>;
}

/**
 * Keeps copies of recently used models in memory. When a worker has loaded a model, it is copied,
 * one at a time, and the next worker is started from the copy. When a load needs the memory, copies
 * are removed, least recently used first, as the system's file cache would be.
 */
export class Staging {
  readonly #options: StagingOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #closed = new AbortController();
  #copying: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #verified: Promise<void> = Promise.resolve();
  #onChange = () => {};

  constructor(options: StagingOptions) {
    this.#options = options;
  }

  /**
   * Verifies the copies that an earlier pool manager left; resolves when all are verified.
   *
   * @param onChange Called whenever the set of copies has changed.
   */
  open(onChange: () => void): Promise<void> {
    this.#onChange = onChange;
    const { files, maxBytes, log, clock, workersOf } = this.#options;
    if (!files) return Promise.resolve();
    return this.#verified = (async () => {
      for (const file of await files.verify(this.#closed.signal)) {
        const held = this.bytes + file.facts.size_bytes;
        if (held > maxBytes) files.remove(file.fingerprint);
        else this.#add(file, clock.steady(), workersOf(file.fingerprint));
      }
      this.#onChange();
    })().catch((error) => {
      if (!this.#closed.signal.aborted) {
        log.error("staging_unusable", { reason: errorMessage(error) });
      }
    });
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error("The pool manager stops"));
    this.#copying?.abort.abort(this.#closed.signal.reason);
    await Promise.all([this.#verified, this.#copying?.done]);
  }

  /** Bytes of all copies. */
  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { file }) => sum + file.facts.size_bytes, 0);
  }

  isStaged(fingerprint: string): boolean {
    return this.#entries.has(fingerprint);
  }

  /** Adds the memory of unused copies to the CPU's free memory, since a load would get it. */
  credit(devices: readonly Device[]): readonly Device[] {
    const idle = this.#copies().filter(({ inUse }) => !inUse)
      .reduce((sum, { bytes }) => sum + bytes, 0);
    if (idle === 0) return devices;
    return devices.map((device) =>
      device.kind !== "cpu" ? device : {
        ...device,
        free_bytes: Math.min(device.total_bytes, device.free_bytes + idle),
      }
    );
  }

  /** Path of the copy to start a worker from; undefined if there is none that is up to date. */
  use(fingerprint: string, workerId: string): string | undefined {
    const entry = this.#entries.get(fingerprint);
    if (!entry) return undefined;
    if (!this.#options.files!.isCurrent(entry.file)) {
      this.#drop(fingerprint, "its source has changed");
      return undefined;
    }
    entry.usedAt = this.#options.clock.steady();
    entry.workers.add(workerId);
    return entry.file.path;
  }

  /** Removes copies, and stops a running copy, for a load that needs the machine's memory. */
  makeRoom(bytes: number): void {
    if (bytes <= 0) return;
    this.#copying?.abort.abort(new Error("A load needs the memory"));
    const idle = this.#copies().filter(({ inUse }) => !inUse).map((copy) => copy.fingerprint);
    for (const fingerprint of toFree(this.#copies(), bytes) ?? idle) {
      this.#drop(fingerprint, "a load needs the memory");
    }
  }

  /**
   * Copies a loaded model, unless it is copied already, another is being copied, or there is no
   * room.
   */
  offer(model: PoolModel): void {
    const { files, log } = this.#options;
    const { fingerprint, path } = model;
    const isWanted = files && !this.#copying && !this.#closed.signal.aborted &&
      model.size_bytes > 0 && splitPart(path) === undefined;
    if (!isWanted) return;
    const abort = new AbortController();
    const done = (async () => {
      await this.#verified;
      if (this.isStaged(fingerprint) || !await this.#replace(model)) return;
      const began = performance.now();
      const file = await files.copy(fingerprint, path, model.sha256, abort.signal);
      this.#add(file, this.#options.clock.steady());
      const took = Math.round(performance.now() - began);
      log.info("model_staged", { path, bytes: file.facts.size_bytes, ms: took });
      this.#onChange();
    })().catch((error) => log.warn("model_not_staged", { path, reason: errorMessage(error) }))
      .finally(() => this.#copying = undefined);
    this.#copying = { abort, done };
  }

  /** Removes copies to make room for a new one; returns whether there is room now. */
  async #replace({ size_bytes: bytes, path }: PoolModel): Promise<boolean> {
    const { files, maxBytes, log } = this.#options;
    const room = Math.min(await this.#options.room(), files!.free);
    const going = toReplace(this.#copies(), { bytes, maxBytes, room });
    if (going === undefined) {
      log.debug("model_not_staged", { path, reason: "there is no room for it", bytes, room });
      return false;
    }
    for (const fingerprint of going) this.#drop(fingerprint, "another model takes its place");
    return true;
  }

  #add(file: StagedFile, usedAt: number, workers: readonly string[] = []): void {
    this.#entries.set(file.fingerprint, { file, usedAt, workers: new Set(workers) });
  }

  #drop(fingerprint: string, reason: string): void {
    const { files, log } = this.#options;
    this.#entries.delete(fingerprint);
    files!.remove(fingerprint);
    log.info("model_unstaged", { fingerprint, reason });
    this.#onChange();
  }

  #copies(): StagedCopy[] {
    return [...this.#entries].map(([fingerprint, { file, usedAt, workers }]) => {
      const alive = this.#options.workersOf(fingerprint);
      for (const id of workers) if (!alive.includes(id)) workers.delete(id);
      return { fingerprint, bytes: file.facts.size_bytes, usedAt, inUse: workers.size > 0 };
    });
  }
}
