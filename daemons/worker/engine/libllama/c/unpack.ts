import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { BUILD_INFO } from "#shared/build_info.ts";
import { ENV } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { runtimeDir } from "#shared/paths.ts";
import { type Hashes, OWN_HASHES, ownHashes } from "./check_files.ts";
import { HASHES } from "./hashes.ts";

/** First part of the names of copies, and of those that are not complete. */
const NAME = "llama.cpp-";
const ASIDE = ".llama.cpp-";

/**
 * Copies that no start has used for this long are removed, in ms. A process that has opened its copies
 * needs them no more, but it may be about to.
 */
const UNUSED_MS = 30 * 86_400_000;

/** Options of {@linkcode unpacked}. */
export interface UnpackOptions {
  /** Folder to unpack into. @default that of all executables */
  readonly into?: string | undefined;
  /** Hashes of node-llama-cpp's packages by platform, which is the folder's name. */
  readonly packages?: Readonly<Record<string, Hashes>>;
}

/**
 * The folder from which libraries are opened: that of the copies, if this program is compiled.
 *
 * @param carried Folder as this program carries it.
 */
export function openedFolder(carried: string): string {
  const into = BUILD_INFO?.runtime === "compile" ? unpackFolder() : undefined;
  return into === undefined ? carried : copiesOf(carried, into, HASHES).copies;
}

/**
 * Unpacks llama.cpp's libraries out of a compiled executable, once for each content: the system's loader
 * opens only real files. Nobody else can write or read the copies. Their content is not looked at: the check
 * of the files follows. The copies of other versions are removed once they are old.
 *
 * @param folder Folder in the executable, named after the platform.
 * @returns the folder of the copies
 * @throws {LlorchError} `WORKER_START_FAILED` if they cannot be written
 */
export async function unpacked(
  folder: string,
  { into = unpackFolder(), packages = HASHES }: UnpackOptions = {},
): Promise<string> {
  if (into === undefined) throw failed(`set ${ENV.runtimeDir} to a folder`);
  const { own, hashes, home, copies } = copiesOf(folder, into, packages);
  try {
    if (await isThere(copies)) {
      await used(home);
      return copies;
    }
    await removeUnused(into);
    await Deno.mkdir(into, { recursive: true, mode: 0o700 });
    // This makes a folder of a new name with mode 0700.
    const aside = await Deno.makeTempDir({ dir: into, prefix: ASIDE });
    try {
      const files = [...Object.keys(hashes), ...own === undefined ? [] : [OWN_HASHES]];
      for (const file of files) {
        await copy(join(folder, file), join(aside, "llama", basename(folder), file));
      }
      await Deno.rename(aside, home);
    } catch (error) {
      await Deno.remove(aside, { recursive: true });
      // Another start may have been first.
      if (!await isThere(copies)) throw error;
    }
    return copies;
  } catch (error) {
    const fix = `make room in ${into}, or set ${ENV.runtimeDir} to another folder`;
    throw failed(`${errorMessage(error)}; ${fix}`, error);
  }
}

function unpackFolder(): string | undefined {
  return runtimeDir((name) => Deno.env.get(name));
}

/** Where copies of a folder's libraries are, which is named after their content. */
function copiesOf(folder: string, into: string, packages: Readonly<Record<string, Hashes>>) {
  const own = ownHashes(folder);
  // Without sound hashes nothing is copied but what the check then refuses.
  const hashes = own === "unsound" ? {} : own ?? packages[basename(folder)] ?? {};
  const key = createHash("sha256").update(JSON.stringify(hashes)).digest("hex").slice(0, 12);
  const home = join(into, NAME + key);
  return { own, hashes, home, copies: join(home, "llama", basename(folder)) };
}

/** Notes that a start has used copies: their folder has the time of the last one. */
async function used(home: string): Promise<void> {
  const now = new Date();
  // Copies that only root may change are not ours to remove either.
  await Deno.utime(home, now, now).catch(() => {});
}

/** Removes copies that have not been used for long, and what killed starts have left. */
async function removeUnused(into: string): Promise<void> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(into)) {
      if (!isDirectory || !name.startsWith(NAME) && !name.startsWith(ASIDE)) continue;
      const home = join(into, name);
      const { mtime } = await Deno.stat(home);
      const isOld = mtime !== null && Date.now() - mtime.getTime() > UNUSED_MS;
      if (isOld) await Deno.remove(home, { recursive: true });
    }
  } catch {
    // Another start is at it, or there is nothing: what is left is removed another time.
  }
}

/** Copies a file, also out of an executable, in little memory. */
async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const source = await Deno.open(from);
  const target = await Deno.open(to, { write: true, createNew: true, mode: 0o600 });
  await source.readable.pipeTo(target.writable);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function failed(reason: string, cause?: unknown): LlorchError {
  return new LlorchError("WORKER_START_FAILED", `Cannot unpack llama.cpp: ${reason}`, { cause });
}
