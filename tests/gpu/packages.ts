/** The part of `deno info --json` that says which packages a program imports. */
export interface PackageGraph {
  readonly modules: readonly { readonly kind?: string; readonly npmPackage?: string }[];
  /** Every package of the lock file by its id. */
  readonly npmPackages: Readonly<
    Record<string, { readonly dependencies: readonly string[]; readonly localPath?: string }>
  >;
}

/** Folders of the packages that a program imports, and of those that they depend on. */
export function closureOf({ modules, npmPackages }: PackageGraph): string[] {
  const wanted = modules.flatMap(({ npmPackage }) => npmPackage === undefined ? [] : [npmPackage]);
  const seen = new Set<string>();
  for (let id = wanted.pop(); id !== undefined; id = wanted.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    // node-llama-cpp's own code does not run.
    if (!id.startsWith("node-llama-cpp@")) wanted.push(...npmPackages[id]?.dependencies ?? []);
  }
  return [...seen].flatMap((id) => npmPackages[id]?.localPath ?? []);
}
