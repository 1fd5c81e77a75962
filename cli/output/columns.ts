import { oneLine } from "#shared/printable.ts";

/**
 * Rows of cells as lines whose columns stand under each other; the last one is not padded. Whatever is in
 * a cell, it stays in its line: control characters, line ends and tabs are shown as `\n`.
 */
export function columns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const shown = rows.map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of shown) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return shown.map((row) =>
    row.map((cell, column) => column === row.length - 1 ? cell : cell.padEnd(widths[column]! + gap))
      .join("").trimEnd()
  );
}
