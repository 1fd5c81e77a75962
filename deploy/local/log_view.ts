import { oneLine, printable } from "#shared/printable.ts";

/** Fields that are not shown at a terminal. */
const HIDDEN = new Set(["ts", "level", "component", "event", "correlation_id"]);

/** Width of the column with the program's name. */
const NAME_WIDTH = 15;

/** A parsed line of a daemon's log. */
export interface LogLine {
  /** The line as it is shown, with the program's name in front. */
  readonly text: string;
  /** Whether it is a warning or an error, which is shown even while an answer is printed. */
  readonly urgent: boolean;
  /** The daemon's address, if the line says that it listens. */
  readonly url?: string;
}

/**
 * Formats a daemon's log line for `up`; lines that are not our JSON are shown as they are. A
 * worker's line in its pool manager's log is shown as the worker's own.
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

/** Formats a value on one line; only an error's stack has several lines. */
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
