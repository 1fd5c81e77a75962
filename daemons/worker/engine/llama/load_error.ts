/** How llama.cpp begins a line that says why; the library itself says only that it failed. */
const REASON = /\b(?:error loading model(?: \w+)?:\s*)+(.+?)\s*$/;
const OTHER = /^\w+:\s*(?:error: )?(.*(?:failed|error|unable|not supported|missing).*?)\s*$/i;

/** Why a model could not be loaded, by what llama.cpp printed; undefined where it said nothing. */
export function loadError(said: readonly string[]): string | undefined {
  const lines = said.flatMap((each) => each.split("\n"));
  for (const pattern of [REASON, OTHER]) {
    const found = lines.findLast((line) => pattern.test(line));
    // A path or name of the file may be in it: nothing that moves a cursor goes on.
    // deno-lint-ignore no-control-regex
    if (found) return pattern.exec(found)![1]!.replace(/[\x00-\x1f\x7f]+/g, " ");
  }
  return undefined;
}
