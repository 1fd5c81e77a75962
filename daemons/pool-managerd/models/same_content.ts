import { defined } from "#shared/json.ts";
import type { FoundModel, ScanResult } from "#shared/models/scan.ts";

/**
 * Merges files with the same content (a copy, a backup, a link) to one model with the names of all.
 * It keeps the path that sorts first, also if a file with an earlier path is added later. A file
 * with the fingerprint of another but other weights, such as another checkpoint of a training,
 * becomes a problem: models are identified only by their fingerprint, so that the two could be
 * confused.
 *
 * @param known The path of each fingerprint; this function updates it.
 * @param isAlike Whether two files with the same fingerprint have the same weights.
 */
export async function withOneOfEach(
  { models, problems }: ScanResult,
  known: Map<string, string>,
  isAlike: (path: string, other: string) => Promise<boolean>,
): Promise<ScanResult> {
  const alike = new Map<string, FoundModel[]>();
  for (const model of models) {
    const others = alike.get(model.fingerprint);
    if (others) others.push(model);
    else alike.set(model.fingerprint, [model]);
  }
  for (const fingerprint of known.keys()) if (!alike.has(fingerprint)) known.delete(fingerprint);
  const merged: FoundModel[] = [];
  const others: { path: string; message: string }[] = [];
  for (const [fingerprint, files] of alike) {
    const first = files.find(({ path }) => path === known.get(fingerprint)) ?? files[0]!;
    known.set(fingerprint, first.path);
    const copies: FoundModel[] = [];
    for (const file of files) {
      if (file === first) continue;
      if (await isAlike(first.path, file.path)) copies.push(file);
      else others.push({ path: file.path, message: differs(first.path) });
    }
    merged.push(copies.length === 0 ? first : named(first, copies));
  }
  return { models: merged, problems: [...problems, ...others] };
}

function differs(path: string): string {
  return `It has the same header and size as ${JSON.stringify(path)}, but other content: llorch ` +
    "would take the two for one model; give it another general.name in its header, or remove one";
}

function named(first: FoundModel, others: readonly FoundModel[]): FoundModel {
  const names = others.flatMap(({ model_ref, aliases }) => [model_ref, ...aliases]);
  const sha256 = first.sha256 ?? others.find((other) => other.sha256)?.sha256;
  return {
    ...first,
    aliases: [...new Set([...first.aliases, ...names])].filter((name) => name !== first.model_ref),
    ...defined({ sha256 }),
  };
}
