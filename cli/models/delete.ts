import { basename, dirname, join } from "node:path";
import { checkoutRoot } from "#shared/executables.ts";
import { LlorchError } from "#shared/errors.ts";
import { manifestPath } from "#shared/models/manifest.ts";
import { partPaths } from "#shared/models/split.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";
import { onDisk } from "./disk.ts";
import { staleIncompletes } from "./incomplete.ts";
import { findInstalled, searchDirs } from "./installed.ts";
import { findModel, findProblem, modelNotHere } from "./lookup.ts";
import { nameOfFile } from "./name_of_file.ts";
import { projectorPath } from "./projector.ts";
import { downloadTarget } from "./target.ts";

/** A model that can be deleted, and its files. */
export interface Deletable {
  readonly name: string;
  /** The model's file comes last: until it is gone, the model is still there. */
  readonly paths: readonly string[];
  readonly bytes: number;
}

/**
 * The files of a model, with its manifest and what interrupted downloads of it left.
 *
 * @throws {LlorchError} when there is no such model, or it belongs to the checkout.
 */
export async function deletablePaths(word: string, context: Context): Promise<Deletable> {
  const found = await findFile(word, context);
  if (found === undefined) return await interrupted(word, context);
  const { name, path } = found;
  const checkout = checkoutRoot();
  if (checkout !== undefined && path.startsWith(join(checkout, "catalog") + "/")) {
    throw new LlorchError("FORBIDDEN", `${name} belongs to the checkout ${checkout}: it stays`);
  }
  const parts = partPaths(path);
  const projector = projectorPath(path);
  const rests = await Promise.all(
    [projector, ...parts].map((part) => staleIncompletes(part, "")),
  );
  const all = [...rests.flat(), manifestPath(path), projector, ...parts.toReversed()];
  const paths: string[] = [];
  for (const each of all) if (await exists(each)) paths.push(each);
  return { name, paths, bytes: await sizeOf([projector, ...parts]) };
}

/** Name and first file of a model, also of one that cannot be used, such as with a missing part. */
async function findFile(
  word: string,
  context: Context,
): Promise<{ name: string; path: string } | undefined> {
  try {
    return await findModel(word, context);
  } catch (error) {
    const folder = word.startsWith("file:") ? [dirname(word.slice("file:".length))] : [];
    const { problems } = await findInstalled([...await searchDirs(context), ...folder]);
    const problem = await findProblem(word, problems);
    if (problem === undefined) throw error;
    return { name: nameOfFile(problem.path), path: problem.path };
  }
}

/** Size of the files that exist, in bytes. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  let sum = 0;
  for (const path of paths) sum += (await Deno.lstat(path).catch(() => undefined))?.size ?? 0;
  return sum;
}

/** Removes files; those that are gone already are no failure. */
export async function removeModel(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await onDisk(path, () =>
      Deno.remove(path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }));
  }
}

/** A model of which only an interrupted download is there. */
async function interrupted(word: string, context: Context): Promise<Deletable> {
  const missing = modelNotHere(word);
  let file: string | undefined;
  try {
    ({ file } = downloadTarget(word));
  } catch {
    throw missing;
  }
  const { models: { dir } } = await settings(context);
  if (file === undefined || !await exists(dir)) throw missing;
  const parts = partPaths(join(dir, basename(file)));
  const paths = (await Promise.all(parts.map((part) => staleIncompletes(part, "")))).flat();
  if (paths.length === 0) throw missing;
  return { name: nameOfFile(file), paths, bytes: await sizeOf(paths) };
}

/** Whether something is at the path, also if only a dangling link. */
async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
