/**
 * Positions of tables and keys in a TOML text, which the parser of the values does not keep. They are
 * needed to report a line and to edit a file, but not to start a program. Load this module with
 * `import()`, or from a command that is itself loaded with `import()`: its parser would slow every
 * start.
 *
 * @module
 */
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from "toml-eslint-parser";

/** The lines of a {@linkcode Mark}. */
interface Lines {
  /** Its name, after the name of its table. */
  readonly path: readonly string[];
  /** The line that it begins on, from 1. */
  readonly line: number;
  /** Offset of that line's first character. */
  readonly start: number;
  /** Offset behind the end of its last line. */
  readonly end: number;
  /** The comment behind it and the line's end, e.g. `# usual\n`; empty when there is none. */
  readonly comment: string;
}

/** A table's header in a TOML text: `[hosts.gpu1]`. */
export interface TableMark extends Lines {
  readonly kind: "table";
}

/** A key and its value in a TOML text: `port = 22 # usual`. */
export interface KeyMark extends Lines {
  readonly kind: "key";
  /** How many parts of the path are the table's. */
  readonly depth: number;
  /** Offsets of the value alone, without blanks and comment. */
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Comments inside of a value that goes over several lines. */
  readonly inside: readonly string[];
}

/** A key or table in a TOML text. */
export type Mark = TableMark | KeyMark;

/** The tables and keys of a **valid** TOML text, in its order, without keys in inline tables. */
export function scanToml(text: string): Mark[] {
  const program = parse(text);
  if (program === undefined) return [];
  const { body: [root], comments } = program;
  const linesOf = ({ loc, range }: AST.HasLocs, contentEnd: number) => {
    const newline = text.indexOf("\n", contentEnd);
    const end = newline === -1 ? text.length : newline + 1;
    const comment = comments.find(({ range: [at] }) => at >= contentEnd && at < end);
    return {
      line: loc.start.line,
      start: text.lastIndexOf("\n", range[0] - 1) + 1,
      end,
      comment: comment === undefined ? "" : text.slice(comment.range[0], end),
    };
  };
  const tableMark = (table: AST.TOMLTable): TableMark => ({
    kind: "table",
    path: getStaticTOMLValue(table.key),
    ...linesOf(table, table.key.range[1]),
  });
  const keyMark = (pair: AST.TOMLKeyValue, table: readonly string[]): KeyMark => {
    const [valueStart, valueEnd] = pair.value.range;
    return {
      kind: "key",
      path: [...table, ...getStaticTOMLValue(pair.key)],
      ...linesOf(pair, valueEnd),
      depth: table.length,
      valueStart,
      valueEnd,
      inside: comments.filter(({ range }) => range[0] > valueStart && range[1] < valueEnd)
        .map(({ value }) => `#${value}`.trimEnd()),
    };
  };
  return root.body.flatMap((node) => {
    if (node.type === "TOMLKeyValue") return [keyMark(node, [])];
    const mark = tableMark(node);
    return [mark, ...node.body.map((pair) => keyMark(pair, mark.path))];
  });
}

/** Undefined for what the parser of values takes and this one refuses, e.g. the 30th of February. */
function parse(text: string): AST.TOMLProgram | undefined {
  try {
    // It refuses a byte order mark, and gives an empty range to a `0` at the very end of a text.
    return parseTOML(text.replace(/^\uFEFF/, " ") + "\n");
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

/** The line of a key, from 1; for a missing key the line of its table, otherwise 1. */
export function lineOf(marks: readonly Mark[], key: readonly string[]): number {
  let best: Mark | undefined;
  for (const mark of marks) {
    const isAbove = mark.path.every((part, index) => part === key[index]);
    if (isAbove && mark.path.length >= (best?.path.length ?? 1)) best = mark;
  }
  return best?.line ?? 1;
}
