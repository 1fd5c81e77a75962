import stringWidth from "string-width";
import { oneLine } from "#shared/printable.ts";

/** A column is never made narrower than this, in characters. */
const MIN_WIDTH = 8;

const graphemes = new Intl.Segmenter();

/** Options of {@linkcode table}. */
export interface TableOptions {
  /** Columns of the terminal; undefined: each row is one line, however long. */
  readonly width?: number | undefined;
  /** Formats the head, for example in bold. */
  readonly head?: (text: string) => string;
}

/** Options of {@linkcode columns}. */
export interface ColumnsOptions {
  /** Blanks between two columns. @default 2 */
  readonly gap?: number;
  /** Columns of the terminal; undefined: each row is one line, however long. */
  readonly width?: number | undefined;
}

/**
 * Formats rows of cells with aligned columns; wide characters count as two, and the last column is
 * not padded. Control characters, line ends and tabs in a cell are escaped, as `\n`.
 *
 * If the terminal is too narrow, the widest columns are wrapped inside their column; nothing is cut
 * off. The first column is not wrapped if possible, since people copy names from it.
 */
export function columns(
  rows: readonly (readonly string[])[],
  { gap = 2, width }: ColumnsOptions = {},
): string[] {
  const shown = rows.map((row) => row.map(oneLine));
  const widths = widthsOf(shown);
  // If the columns cannot fit, the terminal wraps the lines.
  const fitting = fit(widths, gap, width) ?? widths;
  return shown.map((row) => {
    const cells = row.map((cell, column) => wrap(cell, fitting[column]!));
    const height = Math.max(1, ...cells.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      cells.map((lines, column) => {
        const text = lines[line] ?? "";
        if (column === cells.length - 1) return text;
        return text + " ".repeat(fitting[column]! + gap - stringWidth(text));
      }).join("").trimEnd()).join("\n");
  });
}

/** Blanks between two columns of a table. */
const GAP = 2;

/** Indentation of the lines below a row's name. */
const INDENT = "  ";

/**
 * Formats rows under a head, as lines. The first cell of a row is its name, which is never wrapped.
 * If the terminal is too narrow, the name gets a line of its own with the other cells below it; if
 * these do not fit either, each cell gets a line, after the name of its column.
 *
 * @param names Names of the columns.
 */
export function table(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  { width, head = (text) => text }: TableOptions = {},
): string[] {
  const marked = ([first = "", ...others]: readonly string[]) => [head(first), ...others];
  const all = [names, ...rows];
  const widths = widthsOf(all.map((row) => row.map(oneLine)));
  const fitting = fit(widths, GAP, width);
  if (width === undefined || fitting && fitting[0]! >= widths[0]!) {
    return marked(columns(all, { gap: GAP, width }));
  }
  const room = width - INDENT.length;
  const below = (lines: readonly string[]) =>
    lines.flatMap((line) => line.split("\n")).map((line) => INDENT + line).join("\n");
  if (fit(widths.slice(1), GAP, room)) {
    const others = columns(all.map((row) => row.slice(1)), { gap: GAP, width: room });
    return marked(all.map(([name = ""], at) => `${oneLine(name)}\n${below([others[at]!])}`));
  }
  return rows.map(([name = "", ...cells]) =>
    [
      oneLine(name),
      below(columns(
        cells.flatMap((cell, at) => cell === "" ? [] : [[names[at + 1]!, cell]]),
        { gap: GAP, width: room },
      )),
    ].join("\n")
  );
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell));
    }
  }
  return widths;
}

/**
 * Widths that fit into the terminal, with the widest cut to the same width; undefined if none do.
 */
function fit(
  widths: readonly number[],
  gap: number,
  width: number | undefined,
): number[] | undefined {
  if (width === undefined) return [...widths];
  const room = width - gap * (widths.length - 1);
  const total = (cap: number) =>
    widths.reduce((sum, width, column) => sum + capped(width, column, cap), 0);
  const capped = (width: number, column: number, cap: number) =>
    column === 0 && width <= room / 2 ? width : Math.min(width, cap);
  let cap = Math.max(MIN_WIDTH, ...widths);
  while (cap > MIN_WIDTH && total(cap) > room) cap--;
  if (total(cap) > room) return undefined;
  return widths.map((width, column) => capped(width, column, cap));
}

/** Wraps a text into lines of `width` columns: between words, or inside a word that is too long. */
function wrap(text: string, width: number): string[] {
  if (stringWidth(text) <= width) return [text];
  const indent = /^ */.exec(text)![0].slice(0, width - 1);
  const lines: string[] = [];
  let line = indent;
  const add = (part: string) => {
    if (line !== indent && stringWidth((line + part).trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += part;
  };
  for (const word of text.trimStart().split(/(?<= )(?! )/)) {
    if (stringWidth(indent + word.trimEnd()) <= width) add(word);
    else for (const { segment } of graphemes.segment(word)) add(segment);
  }
  return [...lines, line.trimEnd()];
}
