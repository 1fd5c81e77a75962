import { fieldErrors } from "#shared/config/field_errors.ts";
import { parseToml } from "#shared/config/toml.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { hintFor } from "./keys.ts";
import { type FileConfig, fileSchema } from "./schema.ts";
import { lineAt, type Mark, scanToml } from "./toml_scan.ts";

/** A config file that was read and is valid. */
export interface ConfigDocument {
  readonly path: string;
  readonly text: string;
  readonly config: FileConfig;
  /** The line of a key, from 1; for one that is not there, its table's, else 1. */
  lineOf(key: readonly string[]): number;
}

/**
 * Reads a config file's text.
 *
 * @param path Name of the file, for messages.
 * @throws {UsageError} with one `file:line: what is wrong` a line.
 */
export function parseConfig(text: string, path: string): ConfigDocument {
  const tree = parseToml(text, path);
  const marks = scanToml(text);
  const lineOf = (key: readonly string[]) => lineOfKey(text, marks, key);
  const parsed = fileSchema.safeParse(tree);
  if (!parsed.success) {
    const lines = fieldErrors(parsed.error).map(({ field, message }) => {
      const hint = message === "is not a known field" ? hintFor(field) : "";
      return `${path}:${lineOf(field.split("."))}: ${field} ${message}${hint}`;
    });
    throw new UsageError(lines.join("\n"));
  }
  return { path, text, config: parsed.data, lineOf };
}

function lineOfKey(text: string, marks: readonly Mark[], key: readonly string[]): number {
  const isPrefix = ({ path }: Mark) => path.every((part, index) => part === key[index]);
  const near = marks.filter(isPrefix)
    .reduce<Mark | undefined>(
      (best, mark) => mark.path.length >= (best?.path.length ?? 1) ? mark : best,
      undefined,
    );
  return near ? lineAt(text, near.start) : 1;
}
