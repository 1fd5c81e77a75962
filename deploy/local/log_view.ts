import { oneLine, printable } from "#shared/printable.ts";

/** Fields that a person at a terminal does not need on every line. */
const HIDDEN = new Set(["ts", "level", "component", "event", "correlation_id"]);

/** Width of the column with the name of who says something. */
const NAME_WIDTH = 15;

/** A line of a daemon's log, taken apart. */
export interface LogLine {
  /** As a person reads it, with the name of who said it in front. */
  readonly text: string;
  /** Worth showing while an answer is on the screen: not a mere note. */
  readonly urgent: boolean;
  /** The address, when the line says that the daemon listens. */
  readonly url?: string;
}

/**
 * A daemon's log line as `up` shows it; what is not one of our JSON lines is shown as it is. A
 * worker's own line, which its pool manager passes on, is shown as the worker's.
 */
export function readLogLine(name: string, line: string): LogLine {
  const record = parse(line);
  if (!record) return { text: `${name.padEnd(NAME_WIDTH)} ${oneLine(line)}`, urgent: true };
  if (record["event"] === "worker_output" && typeof record["line"] === "string") {
    const { text, urgent } = readLogLine("llorch-candled", record["line"]);
    return { text, urgent };
  }
  const fields = Object.entries(record).filter(([field]) => !HIDDEN.has(field)).map((
    [field, value],
  ) => `${field}=${shown(field, value)}`);
  const urgent = record["level"] !== "info" && record["level"] !== "debug";
  const level = urgent ? `${String(record["level"]).toUpperCase()} ` : "";
  const text = [`${name.padEnd(NAME_WIDTH)} ${level}${record["event"]}`, ...fields].join(" ");
  const { url } = record;
  const isListening = record["event"] === "listening" && typeof url === "string";
  return isListening ? { text, urgent, url } : { text, urgent };
}

/** A value that stays on its line, whatever file it names; only an error's stack has several. */
function shown(field: string, value: unknown): string {
  if (typeof value !== "string") return oneLine(JSON.stringify(value));
  return field === "error" ? printable(value) : oneLine(value);
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
