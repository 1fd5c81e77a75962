import { setImmediate } from "node:timers";
import { configureSync, getLogger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { oneLine } from "./printable.ts";

/** Fields of a log line; never a prompt, an output or a token. */
export type LogFields = Record<string, unknown>;

/** Writes structured log lines: an event name that does not change, and fields. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  with(fields: LogFields): Logger;
}

/** Values of `log_level`. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** Options of {@linkcode configureLogging}. */
export interface LoggingOptions {
  readonly level: (typeof LOG_LEVELS)[number];
  /** `json` lines, or `pretty` ones for a terminal. */
  readonly format: "json" | "pretty";
  /** Whether journald reads the lines: they begin with its `<n>` priority. */
  readonly journal: boolean;
  readonly write: (line: string) => void;
}

const PRIORITY: Record<LogLevel, number> = {
  trace: 7,
  debug: 7,
  info: 6,
  warning: 4,
  error: 3,
  fatal: 2,
};

/** Sets up logging for this process; call once, from `main`. */
export function configureLogging(options: LoggingOptions): void {
  const render = options.format === "json" ? jsonLine : prettyLine;
  configureSync({
    reset: true,
    sinks: {
      out: (record) => {
        const prefix = options.journal ? `<${PRIORITY[record.level]}>` : "";
        options.write(prefix + render(record) + "\n");
      },
    },
    loggers: [
      { category: [], lowestLevel: options.level, sinks: ["out"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["out"] },
    ],
  });
}

/** Logging of a daemon to standard output: a terminal, a journal or a file. */
export function stdoutLogging(level: LoggingOptions["level"]): LoggingOptions {
  const journal = Deno.env.get("JOURNAL_STREAM") !== undefined;
  return {
    level,
    format: Deno.stdout.isTerminal() ? "pretty" : "json",
    journal,
    write: writeSoon,
  };
}

const encoder = new TextEncoder();
let waiting = "";

/** Writes the lines of one turn of the event loop together, since a system call is expensive. */
function writeSoon(line: string): void {
  if (waiting === "") {
    setImmediate(writeWaiting);
    // For the last turn; adding the same listener again does nothing.
    globalThis.addEventListener("unload", writeWaiting);
  }
  waiting += line;
}

/** Ignores errors (a closed pipe or terminal, a full disk): the daemon continues without a log. */
function writeWaiting(): void {
  const bytes = encoder.encode(waiting);
  waiting = "";
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch {
    // There is nowhere to report it.
  }
}

/** A logger for one component of one daemon. */
export function createLogger(component: string, fields: LogFields = {}): Logger {
  const logger = getLogger([component]).with(fields);
  return {
    debug: (event, more = {}) => logger.debug(event, more),
    info: (event, more = {}) => logger.info(event, more),
    warn: (event, more = {}) => logger.warn(event, more),
    error: (event, more = {}) => logger.error(event, more),
    with: (more) => createLogger(component, { ...fields, ...more }),
  };
}

function jsonLine(record: LogRecord): string {
  return JSON.stringify({
    ts: new Date(record.timestamp).toISOString(),
    level: record.level,
    component: record.category.join("."),
    event: record.rawMessage,
    ...plainFields(record.properties),
  });
}

function prettyLine(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString().slice(11, 23);
  const fields = Object.entries(plainFields(record.properties)).map(([name, value]) => {
    const isError = record.properties[name] instanceof Error;
    return `${name}=${isError ? value : prettyValue(value)}`;
  });
  return [time, record.level.padEnd(7), String(record.rawMessage), ...fields].join(" ");
}

/** Text as it is, or escaped if it has line ends, tabs or control characters. */
function prettyValue(value: unknown): string {
  return oneLine(
    typeof value === "string" && !/[\n\t]/.test(value) ? value : JSON.stringify(value),
  );
}

/** Fields for JSON: errors become text, and strings lose their control characters. */
function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, plainValue(value)]),
  );
}

function plainValue(value: unknown): unknown {
  if (value instanceof Error) {
    const cause = value.cause === undefined ? "" : ` (cause: ${plainValue(value.cause)})`;
    return stripControl(`${value.stack ?? value.message}`) + cause;
  }
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" ? stripControl(value) : value;
  }
  try {
    const isPlain = (each: unknown) => typeof each === "object" && !(each instanceof Error);
    const json = JSON.stringify(value, (_, each) => isPlain(each) ? each : plainValue(each));
    return JSON.parse(json);
  } catch {
    // An incomplete line is better than none.
    return "[not JSON]";
  }
}

function stripControl(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}
