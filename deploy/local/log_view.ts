/** Fields that a person at a terminal does not need on every line. */
const HIDDEN = new Set(["ts", "level", "component", "event", "correlation_id"]);

/**
 * A daemon's log line as `up` shows it, and the address when the line says that the daemon listens.
 * What is not one of our JSON lines is shown as it is.
 */
export function renderLogLine(line: string): { text: string; url?: string } {
  const record = parse(line);
  if (!record) return { text: line };
  const fields = Object.entries(record).filter(([name]) => !HIDDEN.has(name)).map((
    [name, value],
  ) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const level = record["level"] === "info" ? "" : `${String(record["level"]).toUpperCase()} `;
  const text = [`${level}${record["event"]}`, ...fields].join(" ");
  const isListening = record["event"] === "listening" && typeof record["url"] === "string";
  return isListening ? { text, url: record["url"] as string } : { text };
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line);
    return typeof value?.event === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
