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

type Level = LoggingOptions["level"];

const PRIORITY: Readonly<Record<Level, number>> = { debug: 7, info: 6, warning: 4, error: 3 };

/** A line before it is written. */
interface LogRecord {
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly level: Level;
  readonly component: string;
  readonly event: string;
  readonly fields: LogFields;
}

/** Until {@linkcode configureLogging} is called, nothing is written. */
let take: (record: LogRecord) => void = () => {};

/** Sets up logging for this process; call once, from `main`. */
export function configureLogging({ level, format, journal, write }: LoggingOptions): void {
  const render = format === "json" ? jsonLine : prettyLine;
  const lowest = LOG_LEVELS.indexOf(level);
  take = (record) => {
    if (LOG_LEVELS.indexOf(record.level) < lowest) return;
    write(`${journal ? `<${PRIORITY[record.level]}>` : ""}${render(record)}\n`);
  };
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
/** Whether lines that wait at the process's end are written then. */
let isLastWritten = false;

/** Lines wait for others for this long, in ms: a system call is expensive, and no answer is to wait for it. */
const GATHER_MS = 5;

/** Lines of more text than this do not wait. */
const MOST_WAITING = 64 * 1024;

/** Writes the lines of a moment together. */
function writeSoon(line: string): void {
  if (waiting === "") {
    setTimeout(writeWaiting, GATHER_MS);
    if (!isLastWritten) globalThis.addEventListener("unload", writeWaiting);
    isLastWritten = true;
  }
  waiting += line;
  if (waiting.length > MOST_WAITING) writeWaiting();
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
  const log = (level: Level) => (event: string, more?: LogFields) =>
    take({ timestamp: Date.now(), level, component, event, fields: { ...fields, ...more } });
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warning"),
    error: log("error"),
    with: (more) => createLogger(component, { ...fields, ...more }),
  };
}

function jsonLine({ timestamp, level, component, event, fields }: LogRecord): string {
  const ts = new Date(timestamp).toISOString();
  return JSON.stringify({ ts, level, component, event, ...plainFields(fields) });
}

function prettyLine({ timestamp, level, event, fields }: LogRecord): string {
  const time = new Date(timestamp).toISOString().slice(11, 23);
  const shown = Object.entries(plainFields(fields)).map(([name, value]) =>
    `${name}=${fields[name] instanceof Error ? value : prettyValue(value)}`
  );
  return [time, level.padEnd(7), event, ...shown].join(" ");
}

/** Text as it is, or escaped if it has line ends, tabs or control characters. */
function prettyValue(value: unknown): string {
  return oneLine(
    typeof value === "string" && !/[\n\t]/.test(value) ? value : JSON.stringify(value),
  );
}

/** Fields for JSON: errors become text, and strings lose their control characters. */
function plainFields(fields: LogFields): LogFields {
  const plain: LogFields = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) plain[name] = plainValue(value);
  }
  return plain;
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

// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

function stripControl(text: string): string {
  return text.replace(CONTROL, "");
}
