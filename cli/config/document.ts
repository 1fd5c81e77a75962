import { fieldErrors } from "#shared/config/field_errors.ts";
import { parseToml } from "#shared/config/toml.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { hintFor } from "./keys.ts";
import { type FileConfig, fileSchema } from "./schema.ts";

/**
 * Reads a config file's text.
 *
 * @param path Name of the file, for messages.
 * @throws {UsageError} with a line `file:line: what is wrong` for each mistake.
 */
export async function parseConfig(text: string, path: string): Promise<FileConfig> {
  const parsed = fileSchema.safeParse(parseToml(text, path));
  if (parsed.success) return parsed.data;
  const { lineOf, scanToml } = await import("#shared/config/toml_positions.ts");
  const marks = scanToml(text);
  const lines = fieldErrors(parsed.error).map(({ field, message }) => {
    const hint = message === "is not a known field" ? hintFor(field) : "";
    return `${path}:${lineOf(marks, field.split("."))}: ${field} ${message}${hint}`;
  });
  throw new UsageError(lines.join("\n"));
}
