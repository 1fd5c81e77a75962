import { basename, dirname, join } from "node:path";
import { projectorOf } from "#shared/models/projectors.ts";
import { splitPart } from "#shared/models/split.ts";

/** Files of a repository with which a model sees or hears. */
const PROJECTOR = /(^|\/)[^/]*mmproj[^/]*\.gguf$/i;

/** Whether a path in a repository is that of a projector. */
export function isProjector(path: string): boolean {
  return PROJECTOR.test(path);
}

/** The projector that belongs to a model of a repository, by their names; one of 16 bits if there are several. */
export function projectorAmong(paths: readonly string[], model: string): string | undefined {
  // Some repositories have a folder for each way to store the model, and the projector above them.
  const folder = dirname(model);
  const near = paths.filter((path) => isProjector(path) && isAtOrAbove(dirname(path), folder));
  const facts = { sizeBytes: 0, sees: true, hears: true, width: 0 };
  const beside = new Map(near.map((path) => [join(folder, basename(path)), path]));
  const models = paths.filter((path) => /\.gguf$/i.test(path) && !isProjector(path));
  const found = projectorOf(
    model,
    0,
    [...beside.keys()].map((path) => ({ path, ...facts })),
    models.map((path) => splitPart(path)?.prefix ?? path),
  );
  return found && beside.get(found.path);
}

/** Where the projector of a model file lies, under the name that ties it to the model. */
export function projectorPath(model: string): string {
  const stem = splitPart(model)?.prefix ?? model.replace(/\.gguf$/i, "");
  return `${stem}.mmproj.gguf`;
}

function isAtOrAbove(above: string, folder: string): boolean {
  return above === "." || above === folder || folder.startsWith(`${above}/`);
}
