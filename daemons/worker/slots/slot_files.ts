import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { basename, dirname, resolve } from "node:path";
import type { LlamaSettings } from "#shared/config/llama.ts";
import type { SavedSlot } from "#shared/contracts/worker.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { VERSION } from "#shared/version.ts";
import type { Engine, StateMark } from "../engine/engine.ts";
import type { SavedSlots } from "../model.ts";
import { isSealed, sealFile } from "./seal.ts";

/** Longest name of a file, in bytes. */
const MOST_NAME_BYTES = 255;

/** A slot between two steps, while nothing is computed. */
export interface IdleSlot {
  /** When it was last in use, in milliseconds of the process's clock. */
  readonly usedAt: number;
  /** @returns number of written tokens; 0 if there was nothing to write */
  save(path: string, mark: StateMark): Promise<number>;
  /** @returns number of restored tokens */
  restore(path: string, mark: StateMark, usedAt: number): Promise<number>;
}

/** Gives access to slots between two steps. */
export interface Slots {
  withSlot<T>(index: number, work: (slot: IdleSlot) => Promise<T>): Promise<T>;
}

/** Dependencies of {@linkcode SlotFiles}. */
export interface SlotFilesOptions {
  /** Folder of the files; paths outside it are refused. */
  readonly dir: string;
  /** Of the model and its chat template. */
  readonly fingerprint: string;
  readonly engine: Pick<Engine, "backend" | "context">;
  readonly settings: LlamaSettings;
  readonly slots: Slots;
}

/**
 * Saves slots to files that only this user may read, and restores them. A file's modification time
 * is the time when its slot was last in use, so that the pool manager knows how old the content is.
 */
export class SlotFiles implements SavedSlots {
  readonly key: string;
  readonly #dir: string;
  readonly #mark: StateMark;
  readonly #slots: Slots;

  constructor(options: SlotFilesOptions) {
    this.#dir = resolve(options.dir);
    this.#slots = options.slots;
    const digest = digestOf(options);
    this.key = digest.toString("hex");
    this.#mark = new Uint32Array(Uint8Array.from(digest).buffer);
  }

  async save(slot: number, path: string): Promise<SavedSlot> {
    this.#checkPath(path);
    const { tokens, usedAt } = await this.#slots.withSlot(slot, async (slot) => {
      await createFile(path);
      const tokens = await removingOnError(path, () => slot.save(path, this.#mark));
      return { tokens, usedAt: slot.usedAt };
    });
    const bytes = await removingOnError(path, () => finishFile(path, tokens, usedAt));
    return { tokens, bytes, key: this.key };
  }

  async restore(slot: number, path: string): Promise<number> {
    this.#checkPath(path);
    const file = await Deno.lstat(path).catch(() => undefined);
    if (!file?.isFile) throw new LlorchError("NOT_FOUND", `Cannot find a saved slot at ${path}`);
    if (!await isSealed(path)) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot restore a slot from ${path}: the file is damaged or not whole`,
      );
    }
    const usedAt = fromWallClock(file.mtime ?? new Date());
    return await this.#slots.withSlot(slot, (slot) => slot.restore(path, this.#mark, usedAt));
  }

  /** Refuses other folders, since the worker's token must not allow writing anywhere. */
  #checkPath(path: string): void {
    const message = dirname(path) !== this.#dir || resolve(path) !== path
      ? `must be a file in ${this.#dir}`
      : path.includes("\0")
      ? "must not contain a NUL"
      : Buffer.byteLength(basename(path)) > MOST_NAME_BYTES
      ? `must end in a name of at most ${MOST_NAME_BYTES} bytes`
      : undefined;
    if (message !== undefined) throw invalidRequest([{ field: "path", message }]);
  }
}

/** Changes with what a file of the same version contains. */
const LAYOUT = 2;

/** SHA-256 of everything that determines whether a saved slot can be restored. */
function digestOf({ fingerprint, engine, settings }: SlotFilesOptions): Buffer {
  const { cache_type_k = "f16", cache_type_v = "f16", flash_attention = "auto" } = settings;
  const facts = [LAYOUT, VERSION, fingerprint, engine.backend, engine.context];
  return createHash("sha256")
    .update(JSON.stringify([...facts, cache_type_k, cache_type_v, flash_attention]))
    .digest();
}

async function createFile(path: string): Promise<void> {
  try {
    (await Deno.open(path, { write: true, createNew: true, mode: 0o600 })).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new LlorchError("CONFLICT", `Cannot save a slot to ${path}: the file is there already`);
  }
}

/** Adds checksum and time, or removes an empty file; the slot may be in use again meanwhile. */
async function finishFile(path: string, tokens: number, usedAt: number): Promise<number> {
  if (tokens === 0) {
    await Deno.remove(path);
    return 0;
  }
  await sealFile(path);
  await Deno.utime(path, new Date(), toWallClock(usedAt));
  return (await Deno.stat(path)).size;
}

async function removingOnError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
}

function toWallClock(at: number): Date {
  return new Date(Date.now() - (performance.now() - at));
}

function fromWallClock(date: Date): number {
  return performance.now() - (Date.now() - date.getTime());
}
