import { resolve } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import {
  BACKENDS,
  type BuildOptions,
  type ImageOptions,
  IMAGES,
  LIBRARIES,
  RUNTIMES,
} from "./options.ts";

/**
 * Arguments of the repository's build task: what to build, then the options that were given.
 *
 * @param what For example `worker cuda` or `all`.
 * @param cwd Folder that a relative `--out` is resolved against.
 * @throws {UsageError} when the backend, the runtime or the kind of libraries is unknown
 */
export function buildArguments(
  what: readonly string[],
  { target, out, runtime, libraries }: Partial<BuildOptions>,
  cwd: string,
): readonly string[] {
  if (what[0] === "worker") oneOf("backend", what[1] ?? "", BACKENDS);
  if (runtime !== undefined) oneOf("runtime", runtime, RUNTIMES);
  if (libraries !== undefined) oneOf("libraries", libraries, LIBRARIES);
  return [
    ...what,
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...(out === undefined ? [] : [`--out=${resolve(cwd, out)}`]),
    ...(runtime === undefined ? [] : [`--runtime=${runtime}`]),
    ...(libraries === undefined ? [] : [`--libraries=${libraries}`]),
  ];
}

/**
 * Arguments of the repository's image task.
 *
 * @param image One of the images, or `all`.
 * @param cwd Folder that relative paths are resolved against.
 * @throws {UsageError} when the image or the backend is unknown
 */
export function imageArguments(
  image: string,
  { backend, base, packages, target, out }: Partial<ImageOptions>,
  cwd: string,
): readonly string[] {
  oneOf("image", image, [...IMAGES, "all"]);
  if (backend !== undefined) oneOf("backend", backend, BACKENDS);
  const values = {
    backend,
    base: base?.replace(/^oci:([^:]+)/, (_, folder) => `oci:${resolve(cwd, folder)}`),
    packages: packages && (/^https?:/.test(packages) ? packages : resolve(cwd, packages)),
    target,
    out: out && resolve(cwd, out),
  };
  return [
    image,
    ...Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`]
    ),
  ];
}

function oneOf(what: string, word: string, known: readonly string[]): void {
  if (known.includes(word)) return;
  const near = closest(word, known);
  const hint = near === undefined ? `choose ${known.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown ${what} "${word}": ${hint}`);
}
