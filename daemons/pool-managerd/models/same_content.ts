import type { FoundModel, ScanResult } from "#shared/models/scan.ts";

/**
 * Files with the same content are one model with the names of all of them: a copy, a backup, a link. It
 * goes by the first by path, and keeps doing so when another comes whose path is before it.
 *
 * @param known The path by which each fingerprint goes; kept up to date.
 */
export function withOneOfEach(
  { models, problems }: ScanResult,
  known: Map<string, string>,
): ScanResult {
  const alike = new Map<string, FoundModel[]>();
  for (const model of models) {
    const others = alike.get(model.fingerprint);
    if (others) others.push(model);
    else alike.set(model.fingerprint, [model]);
  }
  for (const fingerprint of known.keys()) if (!alike.has(fingerprint)) known.delete(fingerprint);
  const merged = [...alike].map(([fingerprint, files]) => {
    const first = files.find(({ path }) => path === known.get(fingerprint)) ?? files[0]!;
    known.set(fingerprint, first.path);
    return files.length === 1 ? first : named(first, files.filter((each) => each !== first));
  });
  return { models: merged, problems };
}

function named(first: FoundModel, others: readonly FoundModel[]): FoundModel {
  const names = others.flatMap(({ model_ref, aliases }) => [model_ref, ...aliases]);
  const sha256 = first.sha256 ?? others.find((other) => other.sha256)?.sha256;
  return {
    ...first,
    aliases: [...new Set([...first.aliases, ...names])].filter((name) => name !== first.model_ref),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}
