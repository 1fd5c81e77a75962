/** Levels of log lines that say why a program ended. */
const TROUBLE = new Set(["warn", "warning", "error", "fatal"]);

/**
 * What a worker's last line says of its end, for people. Our own workers log JSON: what they last did
 * well is not why they ended, and is nobody else's business.
 */
export function lastWords(line: string | undefined): string | undefined {
  if (line === undefined || !line.trimStart().startsWith("{")) return line;
  try {
    const { level, event, error } = JSON.parse(line) as Record<string, unknown>;
    if (!TROUBLE.has(String(level))) return undefined;
    return [event, error].filter((each) => typeof each === "string").join(": ") || undefined;
  } catch {
    // Cut off where it was too long.
    return undefined;
  }
}
