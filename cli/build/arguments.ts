import { resolve } from "node:path";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import type { Options } from "../command.ts";

/** What a worker can compute on. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

/** How an executable carries its runtime. */
export const RUNTIMES = ["auto", "compile", "portable"] as const;

/**
 * The words for the repository's build task: what to build, then the options that were given.
 *
 * @param what For example `worker cuda` or `all`.
 * @param cwd What a relative `--out` starts from.
 * @throws {UsageError} when a word is none that the task knows
 */
export function buildArguments(
  what: readonly string[],
  options: Options,
  cwd: string,
): readonly string[] {
  const { target, out, runtime } = options;
  if (what[0] === "worker") oneOf("backend", what[1] ?? "", BACKENDS);
  if (typeof runtime === "string") oneOf("runtime", runtime, RUNTIMES);
  return [
    ...what,
    ...(typeof target === "string" ? [`--target=${target}`] : []),
    ...(typeof out === "string" ? [`--out=${resolve(cwd, out)}`] : []),
    ...(typeof runtime === "string" ? [`--runtime=${runtime}`] : []),
  ];
}

function oneOf(what: string, word: string, known: readonly string[]): void {
  if (known.includes(word)) return;
  const near = closest(word, known);
  const hint = near === undefined ? `choose ${known.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown ${what} "${word}": ${hint}`);
}
