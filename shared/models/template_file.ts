import { createHash } from "node:crypto";
import { MAX_TEMPLATE_BYTES } from "../config/llama.ts";
import { errorMessage, LlorchError } from "../errors.ts";

/**
 * Reads a chat template that an operator gives in place of the model's own.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that names the file if it cannot be read, is too large or
 * no file
 */
export async function readTemplateFile(path: string): Promise<string> {
  const fail = (reason: string, cause?: unknown): never => {
    const message = `Cannot use the chat template ${path}: ${reason}`;
    throw new LlorchError("WORKER_START_FAILED", message, { cause });
  };
  try {
    // Opening a pipe would wait for one who writes to it.
    if (!(await Deno.stat(path)).isFile) return fail("it is no file");
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
    if (error instanceof LlorchError) throw error;
    const reason = error instanceof Deno.errors.NotFound
      ? "it is not there"
      : error instanceof TypeError
      ? "it is not UTF-8"
      : errorMessage(error);
    return fail(reason, error);
  }
  return fail(`it is larger than ${MAX_TEMPLATE_BYTES} bytes`);
}

/**
 * The identity of a model that is used with another chat template than its own: the same weights answer
 * in another way.
 *
 * @param fingerprint That of the model's file, in hexadecimal, as the result is.
 * @param template Undefined: the model's own is used.
 */
export function withTemplate(fingerprint: string, template: string | undefined): string {
  if (template === undefined) return fingerprint;
  return createHash("sha256").update(`${fingerprint}\n${template}`).digest("hex");
}
