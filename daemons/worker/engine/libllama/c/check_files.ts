/**
 * Checks the files of llama.cpp's libraries before any of them is opened: whose they are, and their content.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { BUILD_INFO } from "#shared/build_info.ts";
import { LlorchError } from "#shared/errors.ts";
import { isRecord } from "#shared/json.ts";
import { HASHES } from "./hashes.ts";
import { FALLBACK, GPU_BACKENDS, isOpenedFile, type LibraryOs } from "./library_files.ts";
import { ownerProblem, problemAbove } from "./own_files.ts";

/** SHA-256 in hex of libraries, by their paths in the folder. */
export type Hashes = Readonly<Record<string, string>>;

/** File with the {@linkcode Hashes} of libraries that were built from source, in their folder. */
export const OWN_HASHES = "hashes.json";

/** Whether this program is one file, which unpacks its libraries elsewhere. */
const IS_COMPILED = BUILD_INFO?.runtime === "compile";

/** Bytes of a file that are read at once. Reading files whole takes four times as long, for their memory. */
const CHUNK = 1 << 16;

/** Options of {@linkcode checkFiles}. */
export interface FileCheckOptions {
  /** Whether backends for GPUs are not opened. @default false */
  readonly onlyCpu?: boolean;
  /**
   * Whether the folder is not beside the program: then the folders above count, too. Otherwise who may replace
   * one of them can replace the program.
   *
   * @default as this program is built
   */
  readonly isApart?: boolean;
  /** Hashes of node-llama-cpp's packages by platform, which is the folder's name. */
  readonly packages?: Readonly<Record<string, Hashes>>;
}

/**
 * Checks that the libraries of a folder are ours: no other user could have changed them, each has the
 * SHA-256 of its package or, if it was built from source, of its build, and there is no other one that the
 * engine would open.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that says which file is wrong, and what to do
 */
export function checkFiles(folder: string, options: FileCheckOptions = {}): void {
  const problem = problemOf(folder, options);
  if (problem === undefined) return;
  throw new LlorchError("WORKER_START_FAILED", `Cannot use llama.cpp in ${folder}: ${problem}`);
}

function problemOf(
  folder: string,
  { onlyCpu = false, isApart = IS_COMPILED, packages = HASHES }: FileCheckOptions,
): string | undefined {
  const files = openedIn(folder);
  const owner = ownerProblem(folder, files) ?? (isApart ? problemAbove(folder) : undefined);
  if (owner !== undefined) return owner;
  const own = ownHashes(folder);
  const fix = fixOf(folder, own !== undefined);
  if (own === "unsound") return `${OWN_HASHES} has no hashes; ${fix}`;
  const hashes = own ?? packages[basename(folder)];
  if (hashes === undefined) return `this version has no hashes of ${basename(folder)}; ${fix}`;
  const foreign = files.find((file) => !Object.hasOwn(hashes, file));
  if (foreign !== undefined) return `${foreign} is none of its libraries; remove it`;
  const names = Object.keys(hashes).filter((file) =>
    !onlyCpu || !GPU_BACKENDS.some((name) => basename(file).includes(name))
  );
  for (const file of names) {
    const found = hashProblem(join(folder, file), file, hashes[file]!);
    if (found !== undefined) return `${found}; ${fix}`;
  }
  return undefined;
}

/** Paths in the folder of the libraries that the engine opens, sorted. */
export function openedIn(folder: string, os: LibraryOs = Deno.build.os): string[] {
  const inside = (path: string): string[] => {
    try {
      return [...Deno.readDirSync(path)].map(({ name }) => name)
        .filter((file) => isOpenedFile(file, os));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  };
  return [
    ...inside(folder),
    ...inside(join(folder, FALLBACK)).map((file) => `${FALLBACK}/${file}`),
  ].sort();
}

/** Hashes of libraries that were built from source; undefined if they are a package's. */
export function ownHashes(folder: string): Hashes | "unsound" | undefined {
  const path = join(folder, OWN_HASHES);
  try {
    const read: unknown = JSON.parse(Deno.readTextFileSync(path));
    const isSound = isRecord(read) && Object.values(read).every((each) => typeof each === "string");
    if (isSound) return read as Hashes;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  return "unsound";
}

/** What a person can do about a wrong file. */
function fixOf(folder: string, isBuilt: boolean): string {
  // A built program is unpacked from its file into this folder.
  if (BUILD_INFO) return `remove ${join(folder, "../..")}: the next start unpacks it again`;
  return isBuilt ? "build it again" : "remove node_modules and run deno install";
}

function hashProblem(path: string, file: string, wanted: string): string | undefined {
  try {
    const found = sha256(path);
    if (found === wanted) return undefined;
    return `${file} is damaged or another one: its SHA-256 is ${found} instead of ${wanted}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `${file} is missing`;
    throw error;
  }
}

/** SHA-256 of a file in hex. */
export function sha256(path: string): string {
  using file = Deno.openSync(path);
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  for (;;) {
    const read = file.readSync(chunk);
    if (read === null) return hash.digest("hex");
    hash.update(chunk.subarray(0, read));
  }
}
