/**
 * Columns of the terminal of a stream; undefined if it is not a terminal. `COLUMNS` takes
 * precedence if it is set.
 */
export function terminalWidth(stream: { isTerminal(): boolean }): number | undefined {
  if (!stream.isTerminal()) return undefined;
  const configured = Number(Deno.env.get("COLUMNS"));
  if (Number.isInteger(configured) && configured > 0) return configured;
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}
