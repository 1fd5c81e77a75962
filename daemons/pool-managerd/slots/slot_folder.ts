import { join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import type { KeptSlot } from "./keep_plan.ts";

/** A file of a saved slot. */
export interface SavedFile extends KeptSlot {
  readonly path: string;
  /** A worker with this key can restore it. */
  readonly key: string;
  /** The worker whose slot it was. */
  readonly workerId: string;
}

/** Ending of files that a worker is writing or reading. */
const PART = ".part";
const NAME = /^([0-9a-f]{64})-(.+)-\d+\.slot$/;

/**
 * The folder of saved slots, which only this user may read. All facts are in its files: names,
 * sizes, and modification times, which are those of the last use. To erase a slot is to remove its
 * file.
 */
export class SlotFolder {
  readonly dir: string;

  /** @throws {UsageError} if the folder cannot be made */
  constructor(dir: string) {
    this.dir = dir;
    try {
      Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
      Deno.chmodSync(dir, 0o700);
    } catch (error) {
      throw new UsageError(`Cannot keep saved slots in ${dir}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** All complete files. */
  list(): SavedFile[] {
    return this.#names().flatMap((name) => {
      const [, key, workerId] = NAME.exec(name) ?? [];
      if (key === undefined || workerId === undefined) return [];
      const path = join(this.dir, name);
      try {
        const { size, mtime } = Deno.statSync(path);
        return [{ path, key, workerId, bytes: size, usedAt: mtime?.getTime() ?? 0 }];
      } catch (error) {
        // It was erased just now.
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  /** Path to which a worker writes a slot. */
  part(workerId: string, slot: number): string {
    return join(this.dir, `${workerId}-${slot}${PART}`);
  }

  /** Syncs a file that a worker has written, and gives it the name of a complete one. */
  async keep(part: string, key: string, workerId: string, slot: number): Promise<void> {
    using file = await Deno.open(part);
    await file.syncData();
    await Deno.rename(part, join(this.dir, `${key}-${workerId}-${slot}.slot`));
  }

  /** Takes a file for a worker to read; no other worker will get it, and it is not kept. */
  take({ path }: SavedFile): string {
    Deno.renameSync(path, path + PART);
    return path + PART;
  }

  /** Removes a file, if it exists. */
  remove(path: string): void {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Removes incomplete files, except those in work. */
  removeParts(inWork: ReadonlySet<string> = new Set()): void {
    for (const name of this.#names()) {
      const path = join(this.dir, name);
      if (name.endsWith(PART) && !inWork.has(path)) this.remove(path);
    }
  }

  #names(): string[] {
    return [...Deno.readDirSync(this.dir)].map(({ name }) => name);
  }
}
