/** Matches llama.cpp's line with the reason; the library's error has none. */
const REASON = /\b(?:error loading model(?: \w+)?:\s*)+(.+?)\s*$/;
const OTHER =
  /^\w+:\s*(?:error: )?(.*(?:failed|error|unable|not support|requires|missing|does not divide).*?)\s*$/i;

/** Errors of llama.cpp that are caused by the file, not by the machine, and so are permanent. */
const OF_THE_FILE = [
  /unknown model architecture|model architecture '.*' is not supported/i,
  /unknown (?:pre-)?tokeni[sz]er|cannot find tokeni[sz]er|error loading model vocabulary/i,
  /missing tensor|tensor '.*' (?:not found|has wrong|has invalid)|wrong number of tensors|wrong shape/i,
  /invalid type or block size|has invalid ggml type|unsupported tensor type/i,
  /key not found in model|error loading model hyperparameters/i,
  /gguf_init_from_\w+: |invalid magic|invalid split file/i,
];

/** Whether a model's file is the reason why it was not loaded. */
export function isOfTheFile(lines: readonly string[]): boolean {
  return lines.some((each) => OF_THE_FILE.some((pattern) => pattern.test(each)));
}

/** Why a model could not be loaded, from llama.cpp's output; undefined if no line has a reason. */
export function loadError(output: readonly string[]): string | undefined {
  const lines = output.flatMap((each) => each.split("\n"));
  for (const pattern of [REASON, OTHER]) {
    const found = lines.findLast((line) => pattern.test(line));
    // It may contain a path from the file: remove control characters.
    // deno-lint-ignore no-control-regex
    if (found) return pattern.exec(found)![1]!.replace(/[\x00-\x1f\x7f]+/g, " ");
  }
  return undefined;
}
