/** Levels of log lines that say why a program ended. */
const TROUBLE = new Set(["warn", "warning", "error", "fatal"]);

/**
 * The part of a worker's last line that explains its exit to people. Our own workers log JSON; of that only
 * warnings and errors are shown, because other lines do not explain the exit.
 */
export function lastWords(line: string | undefined): string | undefined {
  if (line === undefined || !line.trimStart().startsWith("{")) return line;
  try {
    const { level, event, error } = JSON.parse(line) as Record<string, unknown>;
    if (!TROUBLE.has(String(level))) return undefined;
    return [event, error].filter((each) => typeof each === "string").join(": ") || undefined;
  } catch {
    // The line was too long and is cut off.
    return undefined;
  }
}
