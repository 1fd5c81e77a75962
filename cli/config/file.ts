import { UsageError } from "#shared/lifecycle.ts";
import { plainWords } from "../output/plain_words.ts";

/**
 * The text of a config file; undefined when there is none.
 *
 * @throws {UsageError} when it is there and cannot be read.
 */
export function readConfigText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(`Cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The reason in a system error, without error number and path: `Permission denied`. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return plainWords(message).replace(/ \(os error \d+\).*$/s, "");
}
