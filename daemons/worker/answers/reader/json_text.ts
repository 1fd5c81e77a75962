import { isSpace, more, type Reading, type Source } from "./source.ts";

/** Takes text of a call as it is read. */
export type Emit = (text: string) => void;

/** Text as the inside of a JSON string. */
export function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Copies one JSON value as it stands, up to its end. What is not JSON ends where it would. */
export function* copyJson(source: Source, emit: Emit): Reading {
  let depth = 0;
  let quoted = false;
  let skips = false;
  while (yield* more(source)) {
    const text = source.takeAll();
    let at = 0;
    let isDone = false;
    for (; at < text.length && !isDone; at++) {
      source.steps.count++;
      const char = text.charAt(at);
      if (skips) skips = false;
      else if (quoted) {
        if (char === "\\") skips = true;
        else if (char === '"') {
          quoted = false;
          isDone = depth === 0;
        }
      } else if (char === '"') quoted = true;
      else if (char === "{" || char === "[") depth++;
      else if (char === "}" || char === "]") {
        depth--;
        if (depth < 0) break;
        isDone = depth === 0;
      } else if (depth === 0 && (char === "," || isSpace(char))) break;
    }
    if (at > 0) emit(text.slice(0, at));
    source.unread(text.slice(at));
    if (isDone || at < text.length) return;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", "0": "\0", a: "\x07", v: "\v" },
};
const DIGITS: Readonly<Record<string, number>> = { u: 4, x: 2, U: 8 };

/**
 * Reads a quoted string after its first quote, up to and with its last, and emits what it means.
 * Half of a pair of code units is kept back until the other comes.
 *
 * @returns whether the last quote came
 */
export function* readString(source: Source, quote: string, emit: Emit): Reading<boolean> {
  let half = "";
  let isWhole = false;
  const give = (text: string) => {
    const whole = half + text;
    half = /[\ud800-\udbff]$/.test(whole) ? whole.slice(-1) : "";
    emit(half === "" ? whole : whole.slice(0, -1));
  };
  while (yield* more(source)) {
    const text = source.takeAll();
    let at = 0;
    while (at < text.length && text[at] !== quote && text[at] !== "\\") at++;
    source.steps.count += at + 1;
    if (at > 0) give(text.slice(0, at));
    if (at === text.length) continue;
    source.unread(text.slice(at + 1));
    if (text[at] === quote) {
      isWhole = true;
      break;
    }
    if (!(yield* more(source))) break;
    const char = source.take();
    const digits = DIGITS[char];
    if (digits === undefined) {
      // A line's end after a backslash is no character, as in Python.
      give(char === "\n" ? "" : ESCAPES[char] ?? char);
      continue;
    }
    let code = "";
    while (code.length < digits && (yield* more(source)) && /[0-9a-fA-F]/.test(source.char)) {
      code += source.take();
    }
    if (code.length < digits && source.isEmpty) break;
    const point = Number.parseInt(code, 16);
    if (code.length < digits || point > 0x10ffff) give(`\\${char}${code}`);
    else give(digits === 4 ? String.fromCharCode(point) : String.fromCodePoint(point));
  }
  if (half !== "") emit(half);
  return isWhole;
}
