import { isRecord, parseJson } from "#shared/json.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { CALL_TAGS, type CallSyntax } from "../chat/call_syntax.ts";
import { partialStart } from "./stop_match.ts";

/** The calls to look for in a model's output. */
export interface CallWatch {
  readonly syntax: CallSyntax;
  /** Names of the functions; JSON with another name is text. */
  readonly names: ReadonlySet<string>;
  /** Whether the answer ends after the first call. */
  readonly single: boolean;
}

/** A call as the model wrote it. */
export interface ParsedCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** Calls found in a text. */
export interface CallMatch {
  /** Index from which the text is calls or may become one; otherwise the text's length. */
  readonly holdFrom: number;
  /** Complete calls. */
  readonly calls: readonly ParsedCall[];
  /** Whether a call has begun and is not complete. */
  readonly open: boolean;
  /** Whether all calls are complete and no other follows. */
  readonly over: boolean;
}

/**
 * Finds calls in text that was not released yet.
 *
 * @param atStart Whether only white space was released before.
 * @param ended Whether nothing follows: then a call that lacks only its closing tag is complete.
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
    // The content of these tags is not a call, so the tags are text, too.
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
  // Some models write the arguments as a string with JSON in it.
  if (typeof given === "string") {
    return isRecord(parseJson(given)) ? { name, arguments: given } : undefined;
  }
  return isRecord(given) ? { name, arguments: JSON.stringify(given) } : undefined;
}

/** Index after the object that begins at `start`; undefined while it is not complete. */
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

/** Calls in the form that clients get, each with an id. */
export function toolCalls(calls: readonly ParsedCall[]): ToolCall[] {
  return calls.map((call) => ({ id: callId(), type: "function", function: call }));
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A new id for a call: nine letters and digits, as some models' chat templates require. */
function callId(): string {
  const random = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(random, (value) => LETTERS[value % LETTERS.length]).join("");
}
