import { parse, stringify } from "@std/toml";
import { isDeepStrictEqual } from "node:util";
import { type KeyMark, type Mark, scanToml } from "#shared/config/toml_positions.ts";
import { isRecord } from "#shared/json.ts";
import { UsageError } from "#shared/lifecycle.ts";

/** A table of TOML. */
type Tree = Record<string, unknown>;

/**
 * Changes or adds one key in a valid TOML text; everything else, including comments, stays as it
 * was written.
 *
 * @throws {UsageError} when the text has the key's section in a form that cannot be extended
 */
export function setKey(text: string, key: readonly string[], value: unknown): string {
  const edited = withKey(text, scanToml(text), key, valueText(value));
  const expected = parse(text);
  setPath(expected, key, value);
  return proven(edited, expected, key);
}

/**
 * Removes a key, or a table with its contents, from a valid TOML text. Comments stay.
 *
 * @throws {UsageError} when the key is in an inline table: `pool = { url = "…" }`
 */
export function unsetKey(text: string, key: readonly string[]): string {
  const doomed = scanToml(text).filter(({ path }) => startsWith(path, key)).toReversed();
  const edited = doomed.reduce((rest, mark) => {
    const inside = mark.kind === "table" ? [] : mark.inside;
    const comments = inside.map((each) => each + newlineOf(rest)).join("") + mark.comment;
    return rest.slice(0, mark.start) + comments + rest.slice(mark.end);
  }, text);
  const expected = parse(text);
  deletePath(expected, key);
  return proven(edited, expected, key);
}

function withKey(
  text: string,
  marks: readonly Mark[],
  key: readonly string[],
  value: string,
): string {
  const old = marks.find((mark): mark is KeyMark => mark.kind === "key" && isSame(mark.path, key));
  if (old) {
    const indent = text.slice(old.start, old.valueStart).match(/^[ \t]*/)![0];
    const comments = old.inside.map((each) => indent + each + newlineOf(text)).join("");
    return text.slice(0, old.start) + comments + text.slice(old.start, old.valueStart) + value +
      text.slice(old.valueEnd);
  }

  const newline = newlineOf(text);
  const parent = key.slice(0, -1);
  const sibling = marks.findLast((mark): mark is KeyMark =>
    mark.kind === "key" && isSame(mark.path.slice(0, -1), parent)
  );
  const after = sibling ?? marks.find((mark) => mark.kind === "table" && isSame(mark.path, parent));
  if (after) {
    const indent = /^[ \t]*/.exec(text.slice(after.start))![0];
    const name = key.slice(sibling?.depth ?? parent.length).join(".");
    const head = text.slice(0, after.end);
    return `${withEnd(head, newline)}${indent}${name} = ${value}${newline}${text.slice(after.end)}`;
  }
  const head = withEnd(text, newline) + (text === "" ? "" : newline);
  return `${head}[${parent.join(".")}]${newline}${key.at(-1)} = ${value}${newline}`;
}

function newlineOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

function valueText(value: unknown): string {
  return stringify({ value }).trim().replace(/^value = /, "");
}

function withEnd(text: string, newline: string): string {
  return text === "" || text.endsWith("\n") ? text : text + newline;
}

/** Returns the edited text, once parsing it has given the expected values. */
function proven(edited: string, expected: Tree, key: readonly string[]): string {
  let isProven = false;
  try {
    isProven = isDeepStrictEqual(withoutEmpty(parse(edited)), withoutEmpty(expected));
  } catch {
    // Reported below.
  }
  if (isProven) return edited;
  const section = key.slice(0, -1).join(".");
  throw new UsageError(
    `Cannot change ${key.join(".")}: the file has ${section} as an inline table; edit it by hand`,
  );
}

/** Without empty tables: whether their headers stay makes no difference. */
function withoutEmpty(tree: Tree): Tree {
  const entries = Object.entries(tree).map(([name, value]) =>
    [name, isRecord(value) ? withoutEmpty(value) : value] as const
  );
  return Object.fromEntries(
    entries.filter(([, value]) => !isRecord(value) || Object.keys(value).length > 0),
  );
}

function setPath(tree: Tree, [name = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) tree[name] = value;
  else setPath((tree[name] ??= {}) as Tree, rest, value);
}

function deletePath(tree: Tree, [name = "", ...rest]: readonly string[]): void {
  if (rest.length === 0) delete tree[name];
  else if (isRecord(tree[name])) deletePath(tree[name], rest);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && startsWith(a, b);
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((part, index) => path[index] === part);
}
