import type { LogFields, Logger } from "#shared/logging.ts";

/** One line that was logged. */
export interface LoggedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines for the test to read. */
export interface RecordingLog extends Logger {
  readonly lines: readonly LoggedLine[];
  /** Fields of every line of an event. */
  of(event: string): readonly LogFields[];
}

/** A log in memory. */
export function recordingLog(lines: LoggedLine[] = [], own: LogFields = {}): RecordingLog {
  const write = (level: LoggedLine["level"]) => (event: string, fields: LogFields = {}) =>
    void lines.push({ level, event, fields: { ...own, ...fields } });
  return {
    lines,
    of: (event) => lines.filter((line) => line.event === event).map(({ fields }) => fields),
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    with: (fields) => recordingLog(lines, { ...own, ...fields }),
  };
}
