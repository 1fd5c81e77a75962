/** How llama.cpp begins a line that says why; the library itself says only that it failed. */
const REASON = /\b(?:error loading model(?: \w+)?:\s*)+(.+?)\s*$/;
const OTHER = /^\w+:\s*(?:error: )?(.*(?:failed|error|unable|not supported|missing).*?)\s*$/i;

/** What llama.cpp says of files that it cannot load however often it is tried, and not of the machine. */
const OF_THE_FILE = [
  /unknown model architecture|model architecture '.*' is not supported/i,
  /unknown (?:pre-)?tokeni[sz]er|cannot find tokeni[sz]er|error loading model vocabulary/i,
  /missing tensor|tensor '.*' (?:not found|has wrong|has invalid)|wrong number of tensors|wrong shape/i,
  /invalid type or block size|has invalid ggml type|unsupported tensor type/i,
  /key not found in model|error loading model hyperparameters/i,
  /gguf_init_from_\w+: |invalid magic|invalid split file/i,
];

/** Whether a model's file is the reason why it was not loaded. */
export function isOfTheFile(said: readonly string[]): boolean {
  return said.some((each) => OF_THE_FILE.some((pattern) => pattern.test(each)));
}

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
