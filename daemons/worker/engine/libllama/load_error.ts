/** Says what is wrong in a file's header; the lines after it say only that something is. */
const HEADER = /^gguf_init_from_\w+:\s*(.+?)\s*$/;
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
  /gguf_init_from_\w+: |invalid magic|invalid split file|not within the file bounds/i,
  // What does not expect such a file: the reading of models, their graphs, and operations on the CPU.
  /\b(?:llama-(?:arch|graph|hparams|model[\w-]*|vocab)|models\/[\w-]+|unicode|ggml-cpu\/[\w\/-]+|ggml|gguf)\.(?:c|cpp|h):\d+: /,
];

/** Whether a model's file is the reason why it was not loaded. */
export function isOfTheFile(lines: readonly string[]): boolean {
  return lines.some((each) => OF_THE_FILE.some((pattern) => pattern.test(each)));
}

/** The reason of a crash, from llama.cpp's line: `/build/src/llama-vocab.cpp:12: GGML_ASSERT(a > 0) failed`. */
export function crashReason(line: string): string {
  const [, file = "", place = "", reason = ""] = /([^\/\\]+):(\d+): (.+)/.exec(line) ?? [];
  return file === ""
    ? "llama.cpp ended the process"
    : `llama.cpp does not expect this: ${printable(reason.trim())} (${printable(file)}:${place})`;
}

/** Why a model could not be loaded, from llama.cpp's output; undefined if no line has a reason. */
export function loadError(output: readonly string[]): string | undefined {
  const lines = output.flatMap((each) => each.split("\n"));
  for (const pattern of [HEADER, REASON, OTHER]) {
    const found = pattern === HEADER
      ? lines.find((line) => pattern.test(line))
      : lines.findLast((line) => pattern.test(line));
    if (found) return printable(pattern.exec(found)![1]!);
  }
  return undefined;
}

/** A text without control characters: it may be from the file. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f]+/g, " ");
}
