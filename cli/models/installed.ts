import { join } from "node:path";
import { checkoutRoot } from "#shared/executables.ts";
import { LlorchError } from "#shared/errors.ts";
import { defaultLoad } from "#shared/models/default_load.ts";
import { estimateMemory } from "#shared/models/estimate.ts";
import type { GgufInfo } from "#shared/models/gguf.ts";
import { type FoundModel, type ScanCache, scanModels } from "#shared/models/scan.ts";
import type { Context } from "../context.ts";
import { settings } from "../config/settings.ts";

/** A model on disk, with the facts from its file. */
export interface InstalledModel extends FoundModel {
  /** Its shortest name. */
  readonly name: string;
  readonly info: GgufInfo;
}

/** The models on disk. */
export interface Installed {
  readonly models: readonly InstalledModel[];
  /** Files that look like models but cannot be used. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Folders to search: those of the settings, and the demo model of a checkout. */
export async function searchDirs(context: Context): Promise<string[]> {
  const { models } = await settings(context);
  const checkout = checkoutRoot();
  const demo = checkout === undefined ? [] : [join(checkout, "catalog", "demo")];
  return [...new Set([models.dir, ...models.dirs, ...demo])];
}

/** Reads the headers of every model in some folders. */
export async function findInstalled(dirs: readonly string[]): Promise<Installed> {
  const cache: ScanCache = new Map();
  const { models, problems } = await scanModels(dirs, cache);
  return {
    models: models.map((model) => ({
      ...model,
      name: shortName(model),
      info: cache.get(model.path)!.info,
    })),
    problems,
  };
}

/**
 * The model with this alias or reference; undefined when there is none.
 *
 * @throws {LlorchError} `CONFLICT` when several have it, with their references.
 */
export function pickInstalled(
  word: string,
  models: readonly InstalledModel[],
): InstalledModel | undefined {
  const found = models.filter((model) => means(model, word));
  if (found.length < 2) return found[0];
  const paths = found.map(({ path }) => `file:${path}`).join(", ");
  throw new LlorchError("CONFLICT", `Several models are called "${word}", choose one: ${paths}`);
}

/** Memory of a model with its default context and slots, in bytes. */
export function defaultMemory(model: InstalledModel): number {
  return estimateMemory(model, defaultLoad(model));
}

/** A reference may leave out revision or file, as long as only one model matches. */
function means({ model_ref, aliases }: FoundModel, word: string): boolean {
  if (model_ref === word || aliases.includes(word)) return true;
  if (!word.startsWith("hf:")) return false;
  const [source = "", file] = model_ref.split("::");
  const [wanted = "", wantedFile] = word.split("::");
  if (wantedFile !== undefined && wantedFile !== file) return false;
  return wanted === source || wanted === source.split("@")[0];
}

function shortName({ model_ref, aliases }: FoundModel): string {
  const words = aliases.filter((alias) => !/[/:]/.test(alias));
  return words.toSorted((a, b) => a.length - b.length)[0] ?? model_ref;
}
