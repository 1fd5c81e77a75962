import { parse } from "@std/toml";

/** A table's header in a TOML text: `[hosts.gpu1]`. */
export interface TableMark {
  readonly kind: "table";
  readonly path: readonly string[];
  /** Offset of the line's first character. */
  readonly start: number;
  /** Offset behind the line's end. */
  readonly end: number;
}

/** A key and its value in a TOML text: `port = 22 # usual`. */
export interface KeyMark {
  readonly kind: "key";
  /** With the table that it stands in. */
  readonly path: readonly string[];
  /** How many parts of the path are the table's. */
  readonly depth: number;
  readonly start: number;
  readonly end: number;
  /** Offsets of the value alone, without blanks and comment. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Something that stands in a TOML text. */
export type Mark = TableMark | KeyMark;

const KEY_PART = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+/y;
const STRING =
  /"""(?:[^\\]|\\[\s\S])*?"""(?:"{0,2})|'''[\s\S]*?'''(?:'{0,2})|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;

/**
 * Where the tables and keys of a **valid** TOML text stand. The parser keeps no positions, and an
 * edit that keeps the comments needs them.
 */
export function scanToml(text: string): Mark[] {
  const marks: Mark[] = [];
  let table: readonly string[] = [];
  for (let at = 0; at < text.length;) {
    const start = at;
    at = skip(text, at, /[ \t]*/y);
    if (text[at] === "[") {
      table = keyAt(text, skip(text, at, /\[\[?[ \t]*/y)).path;
      at = lineEnd(text, at);
      marks.push({ kind: "table", path: table, start, end: at });
    } else if (/[\r\n#]/.test(text[at] ?? "\n")) {
      at = lineEnd(text, at);
    } else {
      const key = keyAt(text, at);
      const valueStart = skip(text, key.end, /[ \t]*=[ \t]*/y);
      const valueEnd = valueEndAt(text, valueStart);
      at = lineEnd(text, valueEnd);
      const path = [...table, ...key.path];
      marks.push({ kind: "key", path, depth: table.length, start, end: at, valueStart, valueEnd });
    }
  }
  return marks;
}

/** The comments inside of a value that goes over several lines. */
export function commentsIn(value: string): string[] {
  const comments: string[] = [];
  for (let at = 0; at < value.length;) {
    const char = value[at]!;
    if (char === '"' || char === "'") at = Math.max(at + 1, skip(value, at, STRING));
    else if (char === "#") {
      const end = lineEnd(value, at);
      comments.push(value.slice(at, end).trimEnd());
      at = end;
    } else at++;
  }
  return comments;
}

/** The line, from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function skip(text: string, at: number, pattern: RegExp): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function lineEnd(text: string, at: number): number {
  const newline = text.indexOf("\n", at);
  return newline === -1 ? text.length : newline + 1;
}

function keyAt(text: string, from: number): { path: string[]; end: number } {
  const path: string[] = [];
  let end = from;
  while (true) {
    const start = skip(text, end, /[ \t]*\.?[ \t]*/y);
    KEY_PART.lastIndex = start;
    const part = KEY_PART.exec(text)?.[0];
    if (part === undefined) return { path, end };
    path.push(nameOf(part));
    end = start + part.length;
  }
}

function nameOf(part: string): string {
  if (part.startsWith("'")) return part.slice(1, -1);
  return part.startsWith('"') ? String(parse(`name = ${part}`)["name"]) : part;
}

/** Behind a value: strings are taken whole, brackets are counted, comments inside are passed over. */
function valueEndAt(text: string, from: number): number {
  let depth = 0;
  let end = from;
  for (let at = from; at < text.length;) {
    const char = text[at]!;
    if (char === '"' || char === "'") {
      at = end = Math.max(at + 1, skip(text, at, STRING));
      continue;
    }
    if (depth === 0 && /[\r\n#]/.test(char)) break;
    if (char === "#") {
      at = lineEnd(text, at);
      continue;
    }
    if (char === "[" || char === "{") depth++;
    if (char === "]" || char === "}") depth--;
    at++;
    if (!/\s/.test(char)) end = at;
  }
  return end;
}
