import { basename, dirname, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { manifestReference, readManifest } from "#shared/models/manifest.ts";
import { FILE_HINT, parseReference } from "#shared/models/reference.ts";
import type { Context } from "../context.ts";
import { catalogModel, readCatalog } from "./catalog.ts";
import {
  findInstalled,
  type Installed,
  type InstalledModel,
  pickInstalled,
  searchDirs,
} from "./installed.ts";
import { nameOfFile } from "./name_of_file.ts";
import { closest } from "#shared/text.ts";

/**
 * The model on this machine with a name, catalog id or reference; undefined when there is none.
 *
 * @throws {LlorchError} when the word is no reference, or means several models, or an unusable one.
 */
export async function findModel(
  word: string,
  context: Context,
): Promise<InstalledModel | undefined> {
  const reference = parseReference(word);
  if (reference.kind === "file") {
    // Only the folder is resolved: a link as the file stays the link itself.
    const folder = dirname(reference.path);
    const path = join(await Deno.realPath(folder).catch(() => folder), basename(reference.path));
    const { models, problems } = await findInstalled([dirname(path)]);
    const problem = problems.find((each) => each.path === path);
    if (problem) throw await unusable(problem);
    return models.find((model) => model.path === path);
  }
  const { models, problems } = await findInstalled(await searchDirs(context));
  const source = catalogModel(word)?.source;
  const found = pickInstalled(word, models) ??
    (source === undefined ? undefined : pickInstalled(source, models));
  if (found !== undefined) return found;
  const problem = await findProblem(word, problems);
  if (problem) throw await unusable(problem);
  return undefined;
}

/** A file that looks like a model but cannot be used. */
export type Problem = Installed["problems"][number];

/** The unusable file with a path, name or reference. */
export async function findProblem(
  word: string,
  problems: readonly Problem[],
): Promise<Problem | undefined> {
  for (const problem of problems) {
    const known = await readManifest(problem.path).catch(() => undefined);
    const names = [
      `file:${problem.path}`,
      nameOfFile(problem.path),
      ...known === undefined ? [] : [known.id, ...known.aliases],
      ...known?.repo === undefined ? [] : [manifestReference(known), `hf:${known.repo}`],
    ];
    if (names.includes(word)) return problem;
  }
  return undefined;
}

/** Why a file is not usable as a model, and how to repair or remove it. */
export async function unusable({ path, message }: Problem): Promise<LlorchError> {
  const known = await readManifest(path).catch(() => undefined);
  const repair = known?.repo === undefined
    ? ""
    : `llorch models download ${manifestReference(known)} repairs it, `;
  return new LlorchError(
    "INVALID_REQUEST",
    `${message}: ${repair}llorch models delete file:${path} removes it`,
  );
}

/** The error for a model that is not on this machine, with what to do. */
export function modelNotHere(word: string): LlorchError {
  const isHub = word.startsWith("hf:") || catalogModel(word)?.source !== undefined;
  if (isHub) {
    return new LlorchError(
      "MODEL_NOT_FOUND",
      `${word} is not on this machine: llorch models download ${word} fetches it`,
    );
  }
  const near = closest(word, readCatalog().map(({ id }) => id));
  const hint = /^(?!file:).*\.gguf$/i.test(word)
    ? FILE_HINT
    : near === undefined
    ? "llorch models list and llorch models catalog show what there is"
    : `did you mean ${near}?`;
  return new LlorchError(
    "MODEL_NOT_FOUND",
    `Cannot find the model ${JSON.stringify(word)}: ${hint}`,
  );
}
