import { join } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import type { KeptSlot } from "./keep_plan.ts";

/** A file with what a slot held. */
export interface SavedFile extends KeptSlot {
  readonly path: string;
  /** A worker with this key can restore it. */
  readonly key: string;
  /** The worker whose slot it was. */
  readonly workerId: string;
}

/** What is on its way, there or back; the rest of its name is a whole file's, or a worker's. */
const PART = ".part";
const NAME = /^([0-9a-f]{64})-(.+)-\d+\.slot$/;

/**
 * The folder of saved slots, for this user alone. Its files are all that is known of them: their names, sizes,
 * and times of change, which are those of the last use. Whoever removes one has erased it.
 */
export class SlotFolder {
  readonly dir: string;

  /** @throws {UsageError} when the folder cannot be made. */
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

  /** Whole files. */
  list(): SavedFile[] {
    return this.#names().flatMap((name) => {
      const [, key, workerId] = NAME.exec(name) ?? [];
      if (key === undefined || workerId === undefined) return [];
      const path = join(this.dir, name);
      try {
        const { size, mtime } = Deno.statSync(path);
        return [{ path, key, workerId, bytes: size, usedAt: mtime?.getTime() ?? 0 }];
      } catch (error) {
        // Somebody erased it just now.
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  /** Where a worker is to write what a slot holds. */
  part(workerId: string, slot: number): string {
    return join(this.dir, `${workerId}-${slot}${PART}`);
  }

  /** Makes what a worker has written a whole file, once it is on the disk. */
  async keep(part: string, key: string, workerId: string, slot: number): Promise<void> {
    using file = await Deno.open(part);
    await file.syncData();
    await Deno.rename(part, join(this.dir, `${key}-${workerId}-${slot}.slot`));
  }

  /** Takes a file out for a worker to read: nobody else will be given it, nor will it be kept. */
  take({ path }: SavedFile): string {
    Deno.renameSync(path, path + PART);
    return path + PART;
  }

  /** Removes a file; one that is not there is no error. */
  remove(path: string): void {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Removes what is not whole, but for those that somebody works on. */
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
