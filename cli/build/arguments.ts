import { resolve } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import { BACKENDS, type BuildOptions, LIBRARIES, RUNTIMES } from "./options.ts";

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

function oneOf(what: string, word: string, known: readonly string[]): void {
  if (known.includes(word)) return;
  const near = closest(word, known);
  const hint = near === undefined ? `choose ${known.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown ${what} "${word}": ${hint}`);
}
