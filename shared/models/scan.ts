import { basename, join } from "node:path";
import type { PoolModel } from "../contracts/pool.ts";
import { MODEL_REF_LIMIT } from "../contracts/request.ts";
import { errorMessage, LlorchError } from "../errors.ts";
import { modelMemory } from "./estimate.ts";
import { type GgufInfo, readGguf } from "./gguf.ts";
import { manifestReference, readManifest } from "./manifest.ts";
import { unreadableModel } from "./gguf_header.ts";
import { isReference } from "./reference.ts";
import { nameWithPrint, shortNameOf } from "./short_name.ts";
import { partPaths, splitPart } from "./split.ts";

/** Folders below a models folder that are looked into. */
const MAX_DEPTH = 4;

/** Files looked at in one scan, at most. */
const MAX_FILES = 10_000;

/** What stands in a name for bytes that are no text. */
const NO_TEXT = "\ufffd";
const GARBLED = "The bytes of its name are not valid UTF-8, so it cannot be opened: rename it";

/** A model on disk. */
export type FoundModel = Omit<PoolModel, "measured" | "staged" | "default_load">;

/** What a scan found. */
export interface ScanResult {
  readonly models: readonly FoundModel[];
  /** Files that are no usable models, and why. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Headers read by earlier scans, by path; a file is read again when its size or time has changed. */
export type ScanCache = Map<string, { readonly stamp: string; readonly info: GgufInfo }>;

/**
 * Finds the GGUF models in folders. A model is known by its `hf:` reference when a manifest says where
 * it came from, else by `file:` and its path; its file's name without the ending is always an alias.
 *
 * A link to a file is a model by the link's own path, as in the cache of Hugging Face; links to folders
 * are not followed. A missing folder has no models. A broken file or link is a problem, not a failure.
 */
export async function scanModels(
  dirs: readonly string[],
  cache: ScanCache = new Map(),
): Promise<ScanResult> {
  const models: FoundModel[] = [];
  const problems: { path: string; message: string }[] = [];
  const seen = new Set<string>();
  for (const dir of dirs) {
    const report = (path: string, error: unknown) =>
      problems.push({ path, message: errorMessage(error) });
    for await (const path of modelFiles(dir, report)) {
      if (seen.has(path)) continue;
      seen.add(path);
      try {
        models.push(await describe(path, cache));
      } catch (error) {
        report(path, isGarbled(path, error) ? new Error(GARBLED) : error);
      }
    }
  }
  for (const path of cache.keys()) if (!seen.has(path)) cache.delete(path);
  models.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { models: withShortNames(models), problems };
}

/**
 * The models, each with a short name that no other here has: its file's name where that is one, else
 * {@linkcode shortNameOf} it. Where another content has that already, the beginning of the fingerprint
 * comes behind it, as an addition to a file's own name and in place of a made one.
 */
function withShortNames(models: readonly FoundModel[]): FoundModel[] {
  const owners = new Map<string, Set<string>>();
  const own = (name: string, { fingerprint }: FoundModel) => {
    const found = owners.get(name) ?? new Set();
    owners.set(name, found.add(fingerprint));
  };
  for (const model of models) {
    for (const name of [model.model_ref, ...model.aliases]) own(name, model);
  }
  const isMade = (model: FoundModel) => !model.aliases.includes(stemOf(model.path));
  const made = models.filter(isMade).map((model) =>
    [model, shortNameOf(stemOf(model.path), model.fingerprint)] as const
  );
  // A file whose name it really is keeps it: only then the made ones take theirs.
  for (const [model, name] of made) own(name, model);
  const names = new Map(made);
  return models.map((model) => {
    const name = names.get(model) ?? stemOf(model.path);
    const isShared = (owners.get(name)?.size ?? 0) > 1;
    const short = isShared ? nameWithPrint(name, model.fingerprint) : name;
    return { ...model, aliases: [...new Set([...model.aliases, short])] };
  });
}

/** Whether a file is not found because its name cannot be told in text. */
function isGarbled(path: string, error: unknown): boolean {
  return path.includes(NO_TEXT) && error instanceof LlorchError && error.code === "MODEL_NOT_FOUND";
}

/** Files that begin a model, as real paths. A folder that cannot be read is reported. */
async function* modelFiles(
  dir: string,
  report: (path: string, error: unknown) => void,
): AsyncGenerator<string> {
  let root: string;
  try {
    root = await Deno.realPath(dir);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) report(dir, error);
    return;
  }
  const folders = [{ path: root, depth: 0 }];
  let files = 0;
  for (let folder = folders.shift(); folder; folder = folders.shift()) {
    for (const entry of await list(folder.path, report)) {
      const path = join(folder.path, entry.name);
      if (entry.isDirectory && folder.depth < MAX_DEPTH) {
        folders.push({ path, depth: folder.depth + 1 });
      } else if (path.toLowerCase().endsWith(".gguf") && await isFile(path, entry, report)) {
        if (++files > MAX_FILES) return;
        if ((splitPart(path)?.part ?? 1) === 1) yield path;
      }
    }
  }
}

/** Whether an entry is a file or leads to one. A link that leads nowhere is reported. */
async function isFile(
  path: string,
  entry: Deno.DirEntry,
  report: (path: string, error: unknown) => void,
): Promise<boolean> {
  if (!entry.isSymlink) return entry.isFile;
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    const isGone = error instanceof Deno.errors.NotFound;
    report(path, isGone ? new Error("It is a link to a file that is not there") : error);
    return false;
  }
}

async function list(
  path: string,
  report: (path: string, error: unknown) => void,
): Promise<Deno.DirEntry[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    report(path, error);
    return [];
  }
}

/** A file's name as people say it: without folder, ending and number of the part. */
export function stemOf(path: string): string {
  return basename(splitPart(path)?.prefix ?? path).replace(/\.gguf$/i, "");
}

async function describe(path: string, cache: ScanCache): Promise<FoundModel> {
  const info = await readCached(path, cache);
  if (info.tensorCount === 0) {
    throw unreadableModel(path, "it holds no weights, only a vocabulary or metadata");
  }
  const manifest = await readManifest(path);
  if (manifest && manifest.size_bytes !== info.sizeBytes) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `Its manifest says ${manifest.size_bytes} bytes and it has ${info.sizeBytes}: verify it again`,
    );
  }
  const file = `file:${path}`;
  if (file.length > MODEL_REF_LIMIT) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `Its path has more than ${MODEL_REF_LIMIT - "file:".length} characters`,
    );
  }
  const stem = stemOf(path);
  const model_ref = manifest?.repo === undefined ? file : manifestReference(manifest);
  const aliases = [file, stem, ...manifest ? [manifest.id, ...manifest.aliases] : []];
  return {
    model_ref,
    aliases: [...new Set(aliases)].filter((alias) => alias !== model_ref && isReference(alias)),
    fingerprint: info.fingerprint,
    ...(manifest?.sha256 === undefined ? {} : { sha256: manifest.sha256 }),
    path,
    size_bytes: info.sizeBytes,
    architecture: info.architecture,
    context_length: info.contextLength,
    ...modelMemory(info),
  };
}

/**
 * What a model's file says, read again only when its size or time has changed.
 *
 * @throws {LlorchError} as {@linkcode readGguf}
 */
export async function readCached(path: string, cache: ScanCache): Promise<GgufInfo> {
  const facts = await Promise.all(partPaths(path).map((part) => Deno.stat(part).catch(() => null)));
  const stamp = facts.map((each) => `${each?.size} ${each?.mtime?.getTime()}`).join(",");
  const known = cache.get(path);
  if (known?.stamp === stamp) return known.info;
  const info = await readGguf(path);
  cache.set(path, { stamp, info });
  return info;
}
