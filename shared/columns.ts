import stringWidth from "string-width";
import { oneLine } from "#shared/printable.ts";

/** No column is made narrower than this for the terminal's sake, in its own columns. */
const MIN_WIDTH = 8;

const graphemes = new Intl.Segmenter();

/** How {@linkcode columns} lays cells out. */
export interface ColumnsOptions {
  /** Blanks between two columns. @default 2 */
  readonly gap?: number;
  /** Columns of the terminal; undefined: each row is one line, however long. */
  readonly width?: number | undefined;
}

/**
 * Rows of cells as texts whose columns stand under each other, wide characters counted as two; the last
 * one is not padded. Whatever is in a cell, it stays there: control characters, line ends and tabs are
 * shown as `\n`.
 *
 * Where the terminal is too narrow, the widest columns go on below, inside their column: nothing is
 * cut off. The first is spared, since it names what the next command is given.
 */
export function columns(
  rows: readonly (readonly string[])[],
  { gap = 2, width }: ColumnsOptions = {},
): string[] {
  const shown = rows.map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of shown) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell));
    }
  }
  const fitting = width === undefined ? widths : fit(widths, width - gap * (widths.length - 1));
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

/** Widths that come to no more than `room`, where that is possible: the widest are made alike. */
function fit(widths: readonly number[], room: number): number[] {
  const total = (cap: number) =>
    widths.reduce((sum, width, column) => sum + capped(width, column, cap), 0);
  const capped = (width: number, column: number, cap: number) =>
    column === 0 && width <= room / 2 ? width : Math.min(width, cap);
  let cap = Math.max(MIN_WIDTH, ...widths);
  while (cap > MIN_WIDTH && total(cap) > room) cap--;
  // What cannot fit is left to the terminal, which breaks each line where it ends.
  if (total(cap) > room) return [...widths];
  return widths.map((width, column) => capped(width, column, cap));
}

/** A text as lines of so many columns: broken between words, and in one that is too long. */
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
