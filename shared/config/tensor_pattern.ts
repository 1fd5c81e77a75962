/** Longest pattern, in characters. */
const MOST_CHARACTERS = 256;
/** Most `*` and `+` in a pattern: each may multiply the time of a search by the length of a name. */
const MOST_REPEATS = 4;
/** Deepest groups. */
const MOST_DEPTH = 8;

/** One character of a name: itself, any, a digit, or one of a class. */
const CHARACTER = /(?:[\w-]|\\[.d]|\.|\[\^?(?:\w-\w|[\w.])+\])/y;
const REPEAT = /(?:[*+?]|\{\d{1,2}\})/y;

/**
 * What is wrong with a pattern of tensor names; undefined if nothing is. A pattern is a part of a
 * regular expression that llama.cpp (`std::regex`) and JavaScript read alike, and that neither can
 * search for long: letters, digits, `_`, `-`, `\.`, `.`, `\d`, `[…]`, `(…|…)`, `^`, `$`, and `*`, `+`,
 * `?` and `{n}` after one character. With others, llama.cpp would end the process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(faultOfPattern(String.raw`\.ffn_(up|down)_exps`), undefined);
 * assert.equal(faultOfPattern("(a+)+"), 'repeats more than one character at "+"');
 * ```
 */
export function faultOfPattern(pattern: string): string | undefined {
  if (pattern.length > MOST_CHARACTERS) return `is longer than ${MOST_CHARACTERS} characters`;
  let at = 0;
  let depth = 0;
  let repeats = 0;
  let mayRepeat = false;
  const take = (what: RegExp): string | undefined => {
    what.lastIndex = at;
    const found = what.exec(pattern)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  while (at < pattern.length) {
    const rest = JSON.stringify(pattern.slice(at, at + 12));
    const repeat = take(REPEAT);
    if (repeat !== undefined) {
      if (!mayRepeat) return `repeats more than one character at ${rest}`;
      if (/[*+]/.test(repeat) && ++repeats > MOST_REPEATS) {
        return `has more than ${MOST_REPEATS} of * and +`;
      }
      mayRepeat = false;
      continue;
    }
    mayRepeat = take(CHARACTER) !== undefined;
    if (mayRepeat) continue;
    if (take(/\((?:\?:)?/y) !== undefined) {
      if (++depth > MOST_DEPTH) return `has groups deeper than ${MOST_DEPTH}`;
    } else if (take(/\)/y) !== undefined) {
      if (--depth < 0) return `closes a group that is not open at ${rest}`;
    } else if (take(/[|^$]/y) === undefined) {
      return `has something else than names are matched with at ${rest}`;
    }
  }
  if (depth > 0) return "leaves a group open";
  try {
    new RegExp(pattern);
  } catch {
    return "is no regular expression";
  }
  return undefined;
}
