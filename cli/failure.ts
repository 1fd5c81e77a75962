import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Context } from "./context.ts";
import { plainWords } from "./output/plain_words.ts";

/** Writes to stderr why a command failed, and returns the exit code. */
export function failureExit(error: unknown, { stderr, signal }: Context): number {
  if (signal.aborted) return EXIT.interrupted;
  // By its name, so that the module of process outputs need not be loaded.
  if (error instanceof Error && error.name === "OutputClosed") return EXIT.ok;
  stderr.write(`llorch: ${plainWords(errorMessage(error))}\n`);
  if (error instanceof UsageError) return EXIT.usage;
  if (!isExpected(error) && error instanceof Error && error.stack) {
    stderr.write(`${error.stack}\n`);
  }
  return EXIT.failed;
}

/** Failures from outside, such as a lost connection, are no bugs and are shown without a stack. */
function isExpected(error: unknown): boolean {
  if (error instanceof LlorchError) return true;
  // By its name: the HTTP client is loaded only by commands that use it.
  if (error instanceof Error && error.name === "TransportError") return true;
  return Object.values(Deno.errors).some((kind) => error instanceof kind);
}
