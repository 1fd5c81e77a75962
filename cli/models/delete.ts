import { basename, join } from "node:path";
import { checkoutRoot } from "#shared/executables.ts";
import { LlorchError } from "#shared/errors.ts";
import { manifestPath } from "#shared/models/manifest.ts";
import { partPaths } from "#shared/models/split.ts";
import { settings } from "../config/settings.ts";
import type { Context } from "../context.ts";
import { onDisk } from "./disk.ts";
import { staleIncompletes } from "./incomplete.ts";
import { findModel, modelNotHere } from "./lookup.ts";
import { downloadTarget, nameOfFile } from "./target.ts";

/** What would be removed. */
export interface Deletable {
  readonly name: string;
  /** The model's file comes last: until it is gone, the model is still there. */
  readonly paths: readonly string[];
  readonly bytes: number;
}

/**
 * The files of a model, its manifest, and what interrupted downloads of it left.
 *
 * @throws {LlorchError} when there is no such model, or it belongs to the checkout.
 */
export async function deletablePaths(word: string, context: Context): Promise<Deletable> {
  const model = await findModel(word, context);
  if (model === undefined) return await interrupted(word, context);
  const checkout = checkoutRoot();
  if (checkout !== undefined && model.path.startsWith(join(checkout, "catalog") + "/")) {
    throw new LlorchError(
      "FORBIDDEN",
      `${model.name} belongs to the checkout ${checkout}: it stays`,
    );
  }
  const parts = partPaths(model.path);
  const rests = await Promise.all(parts.map((part) => staleIncompletes(part, "")));
  const manifest = await exists(manifestPath(model.path)) ? [manifestPath(model.path)] : [];
  const paths = [...rests.flat(), ...manifest, ...parts.toReversed()];
  return { name: model.name, paths, bytes: model.size_bytes };
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

/** A model of which only the beginning is there. */
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
  const sizes = await Promise.all(paths.map(async (path) => (await Deno.stat(path)).size));
  return { name: nameOfFile(file), paths, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
