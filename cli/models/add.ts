import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { type Manifest, readManifest } from "#shared/models/manifest.ts";
import { scanModels } from "#shared/models/scan.ts";
import { splitPart } from "#shared/models/split.ts";
import type { Context } from "../context.ts";
import type { Source } from "./add_source.ts";
import { checkSpace, makeFolder, onDisk } from "./disk.ts";
import { hashFile } from "./hash_file.ts";
import { writeManifest } from "./manifest_file.ts";
import { searchDirs } from "./installed.ts";
import { Progress } from "./progress.ts";
import { nameOfFile } from "./name_of_file.ts";

/** Where a model is added, and under which name. */
export interface AddOptions {
  /** The models folder. */
  readonly dir: string;
  /** Every folder in which models are found. */
  readonly dirs: readonly string[];
  readonly name?: string;
  readonly isQuiet: boolean;
}

/** Result of adding a model. */
export interface Added {
  readonly id: string;
  /** Other names that it was given. */
  readonly aliases: readonly string[];
  readonly path: string;
  readonly size_bytes: number;
  readonly sha256: string;
  /** `here`: it was already in a models folder. */
  readonly how: "here" | "link" | "copy";
}

/**
 * Adds a model file to the models folder, with a manifest that has its name and hash. It is added
 * as a hard link, because daemons follow no symbolic links out of the folder, or as a copy where
 * the folders are on different disks.
 *
 * @throws {LlorchError} when it is no model, or another file is in its place.
 */
export async function addModel(
  source: Source,
  options: AddOptions,
  context: Context,
): Promise<Added> {
  if (splitPart(source.fileName) !== undefined) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `${source.fileName} is one of several parts: put all of them into ${options.dir} instead`,
    );
  }
  const info = await readGguf(source.path);
  const name = options.name ?? nameOfFile(source.fileName);
  await refuseTakenName(name, source, await searchDirs(context));
  using progress = new Progress(context, {
    label: source.fileName,
    total: info.sizeBytes,
    from: 0,
    isQuiet: options.isQuiet,
  });
  const sha256 = await hashFile(source.path, context.signal, (count) => progress.done = count);
  if (source.sha256 !== undefined && source.sha256 !== sha256) {
    throw new LlorchError(
      "CONFLICT",
      `${source.fileName} in the hub's cache has SHA-256 ${sha256}, not ${source.sha256}: fetch it again`,
    );
  }
  const { path, how } = await place(source, info.sizeBytes, options);
  const before = await readManifest(path).catch(() => undefined);
  const manifest: Manifest = before?.sha256 === sha256
    ? { ...before, aliases: aliasesWith(before, options.name) }
    : {
      id: name,
      ...source.hub,
      size_bytes: info.sizeBytes,
      sha256,
      aliases: [],
      ...(source.sha256 === undefined ? {} : { verified_at: new Date().toISOString() }),
    };
  await writeManifest(path, manifest);
  const { id, aliases } = manifest;
  return { id, aliases, path, size_bytes: info.sizeBytes, sha256, how };
}

/** A file that was already added keeps its names and gets the new one too. */
function aliasesWith({ id, aliases }: Manifest, name: string | undefined): string[] {
  return name === undefined || name === id ? aliases : [...new Set([...aliases, name])];
}

/** @throws {LlorchError} when another model has the name, which would then be ambiguous. */
async function refuseTakenName(
  name: string,
  source: Source,
  dirs: readonly string[],
): Promise<void> {
  const { models } = await scanModels(dirs);
  for (const { path, aliases, model_ref } of models) {
    if (model_ref !== name && !aliases.includes(name)) continue;
    if (await isSameFile(path, source.path)) continue;
    throw new LlorchError(
      "CONFLICT",
      `"${name}" is already the name of ${path}: choose another with --name`,
    );
  }
}

async function place(
  { path, fileName }: Source,
  bytes: number,
  { dir, dirs }: AddOptions,
): Promise<Pick<Added, "path" | "how">> {
  for (const each of dirs) {
    const real = await Deno.realPath(each).catch(() => undefined);
    if (real !== undefined && path.startsWith(`${real}/`)) return { path, how: "here" };
  }
  await makeFolder(dir);
  const target = join(dir, fileName);
  try {
    await Deno.link(path, target);
    return { path: target, how: "link" };
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return await sameFile(path, target);
  }
  await checkSpace(dir, bytes);
  const draft = `${target}.${crypto.randomUUID()}.tmp`;
  await onDisk(target, async () => {
    try {
      await Deno.copyFile(path, draft);
      await Deno.rename(draft, target);
    } catch (error) {
      await Deno.remove(draft).catch(() => {});
      throw error;
    }
  });
  return { path: target, how: "copy" };
}

/** Accepts a link that an earlier `add` made. */
async function sameFile(path: string, target: string): Promise<Pick<Added, "path" | "how">> {
  if (await isSameFile(path, target)) return { path: target, how: "link" };
  throw new LlorchError(
    "CONFLICT",
    `${target} exists and is a different file: rename the file to add, or delete ${target}`,
  );
}

async function isSameFile(path: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([Deno.stat(path), Deno.stat(other)]);
  return a.ino === b.ino && a.dev === b.dev;
}
