/** A path of a GGUF file, with or without `file:`. */
const PATH = /(?:(file:)|(?<![\w.:/]))\/(?:[^"\n/]*\/)*([^"\n/]*?)\.gguf/gi;

/**
 * Removes the folders of a host's model files from a text: paths that end in `.gguf` become the
 * file's name, and `file:` references the name without its ending.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { withoutHostPaths } from "#shared/models/host_paths.ts";
 *
 * assert.equal(withoutHostPaths("Cannot load file:/srv/a b.gguf"), "Cannot load a b");
 * assert.equal(withoutHostPaths('"/srv/m/x.gguf" is cut off'), '"x.gguf" is cut off');
 * ```
 */
export function withoutHostPaths(text: string): string {
  return text.replace(
    PATH,
    (_, isReference: string | undefined, stem: string) =>
      isReference === undefined ? `${stem}.gguf` : stem,
  );
}

/** An absolute path of a file, without spaces; not the way of a request to a server, such as `/v1/models`. */
const FILE = /(?<![\w.:/])\/(?!v\d+\/|api\/)(?:[^\s"'/,;:()]+\/)+([^\s"'/,;:()]+)/g;

/**
 * Removes the folders of every file from a host's own words, such as the reason for which a worker could not
 * start. Clients read it in the errors of their jobs.
 */
export function withoutFolders(text: string): string {
  return withoutHostPaths(text).replace(FILE, (_, name: string) => name);
}
