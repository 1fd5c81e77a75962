import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "#shared/contracts/common.ts";
import { errorMessage } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";

/** Schema of the JSON file beside a copy, which describes its source. */
const facts = z.object({
  source: z.string(),
  size_bytes: z.number().int().min(0),
  /** Modification time of the source when it was copied, in milliseconds since the epoch. */
  modified_ms: z.number(),
  sha256,
});

/** A complete copy in memory. */
export interface StagedFile {
  readonly fingerprint: string;
  readonly path: string;
  readonly facts: z.output<typeof facts>;
}

/** File systems in memory, by their type in `statfs`: tmpfs and ramfs. */
const MEMORY_BACKED: readonly number[] = [0x01021994, 0x858458f6];

/** Bytes copied and hashed at once. */
const CHUNK = 4 * 1024 * 1024;

/** Names of our files in the folder. */
const OURS = /^[0-9a-f]{64}\.(gguf|json)(\.part)?$/;

/**
 * Opens the folder of copies. If staging is off, it removes the copies that an earlier pool manager
 * left, whose memory would never be freed, and returns undefined. A worker that has mapped a copy
 * keeps it until its end.
 */
export function openStagedFiles(
  { dir, maxBytes, log }: { readonly dir: string; readonly maxBytes: number; readonly log: Logger },
): StagedFiles | undefined {
  if (maxBytes > 0) return new StagedFiles(dir);
  try {
    // Not through a link, and only copies: the folder's name may be a mistake.
    if (!Deno.lstatSync(dir).isDirectory) return undefined;
    const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
    const copies = names.filter((name) => OURS.test(name));
    for (const name of copies) Deno.removeSync(join(dir, name));
    if (copies.length === names.length) Deno.removeSync(dir);
    const models = copies.filter((name) => name.endsWith(".gguf")).length;
    if (models > 0) log.info("models_unstaged", { dir, models, reason: "staging is switched off" });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      log.warn("staged_models_left", { dir, reason: errorMessage(error) });
    }
  }
  return undefined;
}

/**
 * The folder of copies: `FINGERPRINT.gguf` and, written after it, `FINGERPRINT.json`. A copy
 * without its JSON file, or with another content than that says, is removed. Only we write to the
 * folder.
 */
export class StagedFiles {
  readonly #dir: string;

  /** @throws {UsageError} if the folder cannot be made, or is not in memory */
  constructor(dir: string) {
    this.#dir = dir;
    try {
      Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
      Deno.chmodSync(dir, 0o700);
    } catch (error) {
      throw new UsageError(`Cannot use staging.dir ${dir}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    if (Deno.build.os === "linux" && !MEMORY_BACKED.includes(statfsSync(dir).type)) {
      throw new UsageError(`Cannot use staging.dir ${dir}: it is on a disk; name a tmpfs`);
    }
  }

  /** Free bytes of the file system. */
  get free(): number {
    const { bavail, bsize } = statfsSync(this.#dir);
    return bavail * bsize;
  }

  /** Returns the copies with right checksums; removes everything else in the folder. */
  async verify(signal: AbortSignal): Promise<StagedFile[]> {
    const whole: StagedFile[] = [];
    const names = await Array.fromAsync(Deno.readDir(this.#dir), ({ name }) => name);
    for (const name of names.filter((name) => name.endsWith(".json"))) {
      const file = this.#read(name.slice(0, -".json".length));
      if (file && await this.#isWhole(file, signal)) whole.push(file);
    }
    const kept = new Set(whole.flatMap(({ fingerprint }) => fileNames(fingerprint)));
    for (const name of names) {
      if (!kept.has(name)) await Deno.remove(join(this.#dir, name), { recursive: true });
    }
    return whole;
  }

  /**
   * Copies a model; if that fails, nothing of the copy is left.
   *
   * @param expected The source's SHA-256, if it is known.
   * @throws if it cannot be read or written, has another SHA-256, or the signal aborts
   */
  async copy(
    fingerprint: string,
    source: string,
    expected: string | undefined,
    signal: AbortSignal,
  ): Promise<StagedFile> {
    const path = join(this.#dir, `${fingerprint}.gguf`);
    const part = `${path}.part`;
    try {
      const before = await Deno.stat(source);
      const digest = await copyHashing(source, part, signal);
      const after = await Deno.stat(source);
      if (stampOf(before) !== stampOf(after)) throw new Error("it changed while it was copied");
      if (expected !== undefined && digest !== expected) {
        throw new Error(`its SHA-256 is ${digest} and not ${expected}: run llorch models verify`);
      }
      const facts = {
        source,
        size_bytes: after.size,
        modified_ms: after.mtime?.getTime() ?? 0,
        sha256: digest,
      };
      await Deno.rename(part, path);
      const noted = join(this.#dir, `${fingerprint}.json`);
      await Deno.writeTextFile(`${noted}.part`, JSON.stringify(facts));
      await Deno.rename(`${noted}.part`, noted);
      return { fingerprint, path, facts };
    } catch (error) {
      this.remove(fingerprint);
      throw error;
    }
  }

  /** Whether a copy is up to date, by the source's size and time. */
  isCurrent({ facts }: StagedFile): boolean {
    try {
      const { size, mtime } = Deno.statSync(facts.source);
      return size === facts.size_bytes && (mtime?.getTime() ?? 0) === facts.modified_ms;
    } catch {
      return false;
    }
  }

  /** Removes a copy, also an incomplete one. */
  remove(fingerprint: string): void {
    const names = fileNames(fingerprint);
    for (const name of [...names, ...names.map((name) => `${name}.part`)]) {
      try {
        Deno.removeSync(join(this.#dir, name));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  #read(fingerprint: string): StagedFile | undefined {
    try {
      const text = Deno.readTextFileSync(join(this.#dir, `${fingerprint}.json`));
      const path = join(this.#dir, `${fingerprint}.gguf`);
      return { fingerprint, path, facts: facts.parse(JSON.parse(text)) };
    } catch {
      return undefined;
    }
  }

  async #isWhole({ path, facts }: StagedFile, signal: AbortSignal): Promise<boolean> {
    try {
      const { size } = await Deno.stat(path);
      if (size !== facts.size_bytes) return false;
      return await copyHashing(path, undefined, signal) === facts.sha256;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }
}

function fileNames(fingerprint: string): string[] {
  return [`${fingerprint}.gguf`, `${fingerprint}.json`];
}

function stampOf({ size, mtime }: Deno.FileInfo): string {
  return `${size} ${mtime?.getTime()}`;
}

/** Computes the SHA-256 of a file; with a target, also copies the file. */
async function copyHashing(
  source: string,
  target: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  using from = await Deno.open(source);
  using to = target === undefined
    ? undefined
    : await Deno.open(target, { write: true, create: true, truncate: true, mode: 0o600 });
  const buffer = new Uint8Array(CHUNK);
  while (true) {
    signal.throwIfAborted();
    const read = await from.read(buffer);
    if (read === null) return hash.digest("hex");
    const bytes = buffer.subarray(0, read);
    hash.update(bytes);
    for (let at = 0; to && at < read;) at += await to.write(bytes.subarray(at));
  }
}
