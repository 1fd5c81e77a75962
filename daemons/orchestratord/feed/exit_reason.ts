/** Levels of log lines that explain an exit. */
const EXPLAINING = new Set(["warn", "warning", "error", "fatal"]);

/**
 * Why a worker exited, for people; undefined if its last log line does not explain it.
 *
 * @param line The line as the pool reports it: text of a native library, or JSON that the worker logged and
 * that may be cut off. JSON explains the exit only if it is a warning or an error.
 */
export function exitReason(line: string | undefined): string | undefined {
  if (line === undefined || !line.trimStart().startsWith("{")) return line;
  try {
    const { level, event, error } = JSON.parse(line) as Record<string, unknown>;
    if (!EXPLAINING.has(String(level))) return undefined;
    return [event, error].filter((each) => typeof each === "string").join(": ") || undefined;
  } catch {
    // The line was too long and is cut off.
    return undefined;
  }
}
