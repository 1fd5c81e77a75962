import { LlorchError } from "#shared/errors.ts";
import { parseReference } from "#shared/models/reference.ts";
import type { Context } from "../context.ts";
import { catalogModel, readCatalog } from "./catalog.ts";
import { findInstalled, type InstalledModel, pickInstalled, searchDirs } from "./installed.ts";
import { closest } from "#shared/text.ts";

/**
 * The model on this machine that a word means: a name, a catalog id or a reference.
 *
 * @throws {LlorchError} when the word is no reference, or means several models.
 */
export async function findModel(
  word: string,
  context: Context,
): Promise<InstalledModel | undefined> {
  const reference = parseReference(word);
  if (reference.kind === "file") {
    const path = await Deno.realPath(reference.path).catch(() => reference.path);
    const { models, problems } = await findInstalled([path.slice(0, path.lastIndexOf("/")) || "/"]);
    const problem = problems.find((each) => each.path === path);
    if (problem) throw new LlorchError("INVALID_REQUEST", problem.message);
    return models.find((model) => model.path === path);
  }
  const { models } = await findInstalled(await searchDirs(context));
  const found = pickInstalled(word, models);
  const source = catalogModel(word)?.source;
  return found ?? (source === undefined ? undefined : pickInstalled(source, models));
}

/** Says that a model is not on this machine, and what would help. */
export function modelNotHere(word: string): LlorchError {
  const isHub = word.startsWith("hf:") || catalogModel(word)?.source !== undefined;
  if (isHub) {
    return new LlorchError(
      "MODEL_NOT_FOUND",
      `${word} is not on this machine: llorch models download ${word} fetches it`,
    );
  }
  const near = closest(word, readCatalog().map(({ id }) => id));
  const hint = near === undefined
    ? "llorch models list and llorch models catalog show what there is"
    : `did you mean ${near}?`;
  return new LlorchError(
    "MODEL_NOT_FOUND",
    `Cannot find the model ${JSON.stringify(word)}: ${hint}`,
  );
}
