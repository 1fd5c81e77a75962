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

/**
 * The line on which a key stands, from 1; for a key that is not there, its table's line, else 1.
 *
 * The parser keeps no positions, and an error without a line sends people searching.
 */
export function lineOf(text: string, path: readonly string[]): number {
  let table: string[] = [];
  let best = 1;
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?/.exec(line)?.[1];
    if (header !== undefined) {
      table = splitKey(header);
      if (startsWith(path, table)) best = index + 1;
      continue;
    }
    const key = /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[^\s=]+)*)\s*=/.exec(line)?.[1];
    if (key === undefined) continue;
    const full = [...table, ...splitKey(key)];
    if (full.join("\0") === path.join("\0")) return index + 1;
    if (startsWith(path, full)) best = index + 1;
  }
  return best;
}

function splitKey(key: string): string[] {
  return key.split(".").map((part) => part.trim().replace(/^["']|["']$/g, ""));
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.length > 0 && prefix.every((part, index) => path[index] === part);
}
