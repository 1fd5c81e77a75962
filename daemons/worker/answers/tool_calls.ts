import { isRecord, parseJson } from "#shared/json.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { CALL_TAGS, type CallSyntax } from "../chat/call_syntax.ts";
import { partialStart } from "./stop_match.ts";

/** The calls to look for in what a model says. */
export interface CallWatch {
  readonly syntax: CallSyntax;
  /** Functions that there are: JSON that names another is text. */
  readonly names: ReadonlySet<string>;
  /** Nothing follows the first call. */
  readonly single: boolean;
}

/** A call as the model wrote it. */
export interface ParsedCall {
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
}

/** What a text says of calls. */
export interface CallMatch {
  /** From here on the text is calls, or may become one; its length when nowhere. */
  readonly holdFrom: number;
  /** Calls that are whole. */
  readonly calls: readonly ParsedCall[];
  /** A call has begun and is not whole. */
  readonly open: boolean;
  /** The calls are whole and no other follows. */
  readonly over: boolean;
}

/**
 * Looks for calls in text that was not let through yet.
 *
 * @param atStart Nothing but white space was let through before.
 * @param ended Nothing follows: a call whose closing tag alone is missing counts as whole.
 */
export function matchCalls(
  text: string,
  watch: CallWatch,
  atStart: boolean,
  ended = false,
): CallMatch {
  return watch.syntax === "tagged"
    ? matchTagged(text, watch, ended)
    : matchBare(text, watch, atStart);
}

const NONE = { calls: [], open: false, over: false } as const;

function matchTagged(text: string, watch: CallWatch, ended: boolean): CallMatch {
  const { open, close } = CALL_TAGS;
  for (let from = 0;;) {
    const start = text.indexOf(open, from);
    if (start < 0) return { ...NONE, holdFrom: partialStart(text, open) };
    const calls: ParsedCall[] = [];
    let at = start;
    while (text.startsWith(open, at)) {
      const body = at + open.length;
      const end = text.indexOf(close, body);
      const call = parseCall(text.slice(body, end < 0 ? undefined : end), watch);
      if (end < 0) {
        const whole = ended && call !== undefined;
        if (whole) calls.push(call);
        return { holdFrom: start, calls, open: !whole, over: whole };
      }
      if (!call) break;
      calls.push(call);
      at = skipSpace(text, end + close.length);
      if (watch.single) return { holdFrom: start, calls, open: false, over: true };
    }
    if (calls.length > 0) {
      const more = open.startsWith(text.slice(at));
      return { holdFrom: start, calls, open: false, over: !more };
    }
    // What stands between these tags is no call: it is text, and so are they.
    from = text.indexOf(close, start) + close.length;
  }
}

/** The beginning of an object that may become a call. */
const MAYBE_CALL = /^\s*(\{\s*("[^"]*$|"(name|arguments|parameters|type)"|$))/;

function matchBare(text: string, watch: CallWatch, atStart: boolean): CallMatch {
  if (!atStart || !MAYBE_CALL.test(text)) return { ...NONE, holdFrom: text.length };
  const start = skipSpace(text, 0);
  const end = jsonEnd(text, start);
  if (end === undefined) return { ...NONE, holdFrom: start, open: true };
  const call = parseCall(text.slice(start, end), watch);
  if (!call) return { ...NONE, holdFrom: text.length };
  return { holdFrom: start, calls: [call], open: false, over: true };
}

function parseCall(text: string, { names }: CallWatch): ParsedCall | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { name, arguments: given = value["parameters"] ?? {} } = value;
  if (typeof name !== "string" || !names.has(name)) return undefined;
  // Some models write the arguments as a text of JSON.
  if (typeof given === "string") {
    return isRecord(parseJson(given)) ? { name, arguments: given } : undefined;
  }
  return isRecord(given) ? { name, arguments: JSON.stringify(given) } : undefined;
}

/** Index after the object that begins at `start`; undefined while it is not whole. */
function jsonEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === "\\") at++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === "{" || char === "[") depth++;
    else if ((char === "}" || char === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at]!.trim() === "") at++;
  return at;
}

/** Calls as clients get them, each with a name of its own. */
export function toolCalls(calls: readonly ParsedCall[]): ToolCall[] {
  return calls.map((call) => ({ id: callId(), type: "function", function: call }));
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A new name for a call: nine letters and digits, as some models' chat templates demand. */
function callId(): string {
  const random = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(random, (value) => LETTERS[value % LETTERS.length]).join("");
}
