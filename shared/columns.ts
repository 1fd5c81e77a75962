import stringWidth from "string-width";
import { oneLine } from "#shared/printable.ts";

/** No column is made narrower than this for the terminal's sake, in its own columns. */
const MIN_WIDTH = 8;

const graphemes = new Intl.Segmenter();

/** How {@linkcode table} lays rows out. */
export interface TableOptions {
  /** Columns of the terminal; undefined: each row is one line, however long. */
  readonly width?: number | undefined;
  /** Marks the head, where there is one. */
  readonly head?: (text: string) => string;
}

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
  const widths = widthsOf(shown);
  // What cannot fit is left to the terminal, which breaks each line where it ends.
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

/** Columns between two of a table. */
const GAP = 2;

/** How far what goes on below a row's name is moved in. */
const INDENT = "  ";

/**
 * Rows under a head, as lines. A row's first cell is its name, which is never broken: where the terminal
 * is too narrow for that, the name has a line of its own and the other cells stand below it; where those
 * do not fit either, each has a line, after the name of its column.
 *
 * @param names One name for each cell of a row.
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

/** Widths that fit into the terminal, the widest made alike; undefined where that is not possible. */
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
