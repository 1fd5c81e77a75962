import { parse, TomlError } from "@std/toml";
import { UsageError } from "../lifecycle.ts";

/**
 * Parses a TOML file's text.
 *
 * @throws {UsageError} naming file and line.
 */
export function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0];
    throw new UsageError(`${file}:${error.line}: ${reason}`, { cause: error });
  }
}
