import { basename, dirname, join } from "node:path";
import { defined } from "../json.ts";
import type { PoolModel } from "../contracts/pool.ts";
import { MODEL_REF_LIMIT } from "../contracts/common.ts";
import { errorMessage, LlorchError } from "../errors.ts";
import { modelMemory } from "./estimate.ts";
import { type GgufInfo, readGguf } from "./gguf.ts";
import { manifestReference, readManifest } from "./manifest.ts";
import { unreadableModel } from "./gguf_header.ts";
import { type Projector, projectorOf, readProjector } from "./projectors.ts";
import { isReference } from "./reference.ts";
import { nameWithPrint, shortNameOf } from "./short_name.ts";
import { partPaths, splitPart } from "./split.ts";

/** Levels of folders below a models folder that are searched. */
const MAX_DEPTH = 4;

/** Most files of one scan. */
const MAX_FILES = 10_000;

/** Replaces bytes of a file's name that are not valid UTF-8. */
const NO_TEXT = "\ufffd";
const GARBLED = "The bytes of its name are not valid UTF-8, so it cannot be opened: rename it";

/** A model on disk. */
export type FoundModel = Omit<
  PoolModel,
  "measured" | "staged" | "default_load" | "engine_figures" | "estimate_problem"
>;

/** Result of {@linkcode scanModels}. */
export interface ScanResult {
  readonly models: readonly FoundModel[];
  /** Files that cannot be used as models, and why. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/**
 * Headers read by earlier scans, by path; a file is read again when its size or time has changed.
 */
export type ScanCache = Map<string, { readonly stamp: string; readonly info: GgufInfo }>;

/**
 * Finds the GGUF models in folders. A model's reference is `hf:…` if its manifest says where it
 * came from, otherwise `file:` and its path. The file's name without its ending is always an alias.
 *
 * A link to a file counts as a model with the link's own path, as in the cache of Hugging Face;
 * links to folders are not followed. A missing folder has no models. A broken file or link is
 * listed as a problem and does not make the scan fail.
 */
export async function scanModels(
  dirs: readonly string[],
  cache: ScanCache = new Map(),
): Promise<ScanResult> {
  const described: Described[] = [];
  const projectors: Projector[] = [];
  const problems: { path: string; message: string }[] = [];
  const seen = new Set<string>();
  for (const dir of dirs) {
    const report = (path: string, error: unknown) =>
      problems.push({ path, message: errorMessage(error) });
    for await (const path of modelFiles(dir, report)) {
      if (seen.has(path)) continue;
      seen.add(path);
      try {
        described.push(await describe(path, cache));
      } catch (error) {
        const projector = await readProjector(path);
        if (projector) projectors.push(projector);
        else report(path, isGarbled(path, error) ? new Error(GARBLED) : error);
      }
    }
  }
  for (const path of cache.keys()) if (!seen.has(path)) cache.delete(path);
  const { models, unused } = withProjectors(described, projectors);
  for (const { path, instead } of unused) {
    const message = instead === undefined
      ? NO_MODEL_FOR_IT
      : `It sees or hears for ${basename(instead.model)}, which uses ${basename(instead.path)}`;
    problems.push({ path, message });
  }
  models.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { models: withShortNames(models), problems };
}

const NO_MODEL_FOR_IT =
  "It is no model, but sees or hears for one, and no model beside it has such a " +
  "name: call it x.mmproj.gguf beside x.gguf";

/** A projector that no model uses. */
interface Unused {
  readonly path: string;
  /** The model that it would belong to, and the one that it uses. */
  readonly instead?: { readonly model: string; readonly path: string } | undefined;
}

/** Gives each model the projector that belongs to it; returns those that none uses, too. */
function withProjectors(
  described: readonly Described[],
  projectors: readonly Projector[],
): { models: FoundModel[]; unused: readonly Unused[] } {
  const used = new Set<Projector>();
  const beside = (path: string) =>
    described.map(({ model }) => model.path).filter((each) => dirname(each) === dirname(path));
  const of = ({ model, width }: Described) =>
    projectorOf(model.path, width, projectors, beside(model.path));
  const models = described.map((each) => {
    const { model } = each;
    const projector = of(each);
    if (!projector) return model;
    used.add(projector);
    return {
      ...model,
      // It is in memory beside the model.
      compute_bytes: model.compute_bytes + projector.sizeBytes,
      projector: { path: projector.path, size_bytes: projector.sizeBytes },
      ...(projector.sees ? { vision: true as const } : {}),
      ...(projector.hears ? { audio: true as const } : {}),
    };
  });
  const unused = projectors.filter((each) => !used.has(each)).map((projector): Unused => {
    const owner = described.find(({ model, width }) => projectorOf(model.path, width, [projector]));
    const instead = owner && of(owner);
    return {
      path: projector.path,
      instead: instead && { model: owner.model.path, path: instead.path },
    };
  });
  return { models, unused };
}

/**
 * Gives each model a unique short name as an alias: its file's name if that is a valid name,
 * otherwise the {@linkcode shortNameOf} it. If a model with other content has the same name, the
 * beginning of the fingerprint is appended.
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
  // Names of files come first; generated names must not take them.
  for (const [model, name] of made) own(name, model);
  const names = new Map(made);
  return models.map((model) => {
    const name = names.get(model) ?? stemOf(model.path);
    const isShared = (owners.get(name)?.size ?? 0) > 1;
    const short = isShared ? nameWithPrint(name, model.fingerprint) : name;
    return { ...model, aliases: [...new Set([...model.aliases, short])] };
  });
}

/** Whether a file cannot be found because its name is not valid UTF-8. */
function isGarbled(path: string, error: unknown): boolean {
  return path.includes(NO_TEXT) && error instanceof LlorchError && error.code === "MODEL_NOT_FOUND";
}

/** Real paths of files that are a model or the first part of one. Reports unreadable folders. */
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

/** Whether an entry is a file or a link to one. Reports broken links. */
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
    report(path, isGone ? new Error("It is a link to a missing file") : error);
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

/** A file's name without folder, ending and part number. */
export function stemOf(path: string): string {
  return basename(splitPart(path)?.prefix ?? path).replace(/\.gguf$/i, "");
}

/** A model, and the numbers that it takes for each token. */
interface Described {
  readonly model: FoundModel;
  readonly width: number;
}

async function describe(path: string, cache: ScanCache): Promise<Described> {
  const info = await readCached(path, cache);
  const { mtime } = await Deno.stat(path);
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
  const model: FoundModel = {
    model_ref,
    aliases: [...new Set(aliases)].filter((alias) => alias !== model_ref && isReference(alias)),
    fingerprint: info.fingerprint,
    ...defined({ sha256: manifest?.sha256 }),
    path,
    size_bytes: info.sizeBytes,
    architecture: info.architecture,
    context_length: info.contextLength,
    ...modelMemory(info),
    facts: {
      modified_at: (mtime ?? new Date(0)).toISOString(),
      parameters: info.parameters,
      ...defined({ quantization: info.quantization }),
      skills: [...info.skills],
    },
  };
  return { model, width: info.embeddingLength };
}

/**
 * Reads a model's metadata, from the cache if the file's size and time have not changed.
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
