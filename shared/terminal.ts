/**
 * Columns of the terminal that a stream goes to; undefined where it goes to none. `COLUMNS` comes first,
 * where somebody has set it.
 */
export function terminalWidth(stream: { isTerminal(): boolean }): number | undefined {
  if (!stream.isTerminal()) return undefined;
  const told = Number(Deno.env.get("COLUMNS"));
  if (Number.isInteger(told) && told > 0) return told;
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}
