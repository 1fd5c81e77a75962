import type { LogFields, Logger } from "#shared/logging.ts";

/** One line that was logged. */
export interface LoggedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines for the test to read. */
export function recordingLogger(
  lines: LoggedLine[] = [],
  fields: LogFields = {},
): Logger & { readonly lines: readonly LoggedLine[] } {
  const write = (level: LoggedLine["level"]) => (event: string, more: LogFields = {}) =>
    void lines.push({ level, event, fields: { ...fields, ...more } });
  return {
    lines,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    with: (more) => recordingLogger(lines, { ...fields, ...more }),
  };
}
