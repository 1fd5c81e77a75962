import { MAX_TEMPLATE_BYTES } from "#shared/config/llama.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";

/**
 * Reads a chat template that an operator gives in place of the model's own.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that names the file if it cannot be read or is too
 * large
 */
export async function readTemplateFile(path: string): Promise<string> {
  const fail = (reason: string, cause?: unknown): never => {
    const message = `Cannot use the chat template ${path}: ${reason}`;
    throw new LlorchError("WORKER_START_FAILED", message, { cause });
  };
  try {
    using file = await Deno.open(path);
    // The size of what is read is bounded, whatever kind of file it is.
    const bytes = new Uint8Array(MAX_TEMPLATE_BYTES + 1);
    let length = 0;
    for (;;) {
      const read = await file.read(bytes.subarray(length));
      if (read === null || read === 0) break;
      length += read;
    }
    if (length <= MAX_TEMPLATE_BYTES) {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
    }
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "it is not there"
      : error instanceof TypeError
      ? "it is not UTF-8"
      : errorMessage(error);
    return fail(reason, error);
  }
  return fail(`it is larger than ${MAX_TEMPLATE_BYTES} bytes`);
}
