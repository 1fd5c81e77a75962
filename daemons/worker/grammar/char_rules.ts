import { allBut, type CharSet, charSet, charsOf, covers, EVERY, inBoth } from "./char_set.ts";

/** Characters that JSON's strings cannot hold as they are, and DEL, as llama.cpp has it. */
const ESCAPED = charSet([...charsOf('"\\'), [0, 0x1f], [0x7f, 0x7f]]);
const PLAIN = allBut(ESCAPED);
/** Characters with a short escape, by its letter. */
const SHORT: readonly (readonly [letter: string, code: number])[] = [
  ['"', 0x22],
  ["\\", 0x5c],
  ["/", 0x2f],
  ["b", 8],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
];
/** Characters beyond ASCII of four hexadecimal digits, without halves of pairs. */
const BASIC: CharSet = [[0x80, 0xd7ff], [0xe000, 0xffff]];
const BASIC_DIGITS = '"00" [89a-fA-F] [0-9a-fA-F] | "0" [1-9a-fA-F] [0-9a-fA-F]{2} | ' +
  "[1-9a-cA-CeEfF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}";
const PAIRS: CharSet = [[0x10000, 0x10ffff]];
const PAIR_DIGITS = '[dD] [89abAB] [0-9a-fA-F]{2} "\\\\u" [dD] [c-fC-F] [0-9a-fA-F]{2}';

/**
 * An expression for one character of a set within a JSON string, as it is or escaped. Of printable
 * ASCII only `"`, `\` and `/` may be escaped; of others all or none, by whether the set has all.
 */
export function charRule(set: CharSet): string {
  if (covers(set, EVERY)) return "char";
  const plain = inBoth(set, PLAIN);
  const choices = plain.length === 0 ? [] : [classOf(plain)];
  const escapes = escapesOf(set);
  if (escapes.length > 0) choices.push(`"\\\\" (${escapes.join(" | ")})`);
  return choices.length === 1 ? choices[0]! : `(${choices.join(" | ")})`;
}

/** A set of characters as a class, to be read as they are. */
export function classOf(set: CharSet): string {
  const isBeyond = covers(set, [[0x80, EVERY[0]![1]]]) && set.length > 1;
  const body = (isBeyond ? allBut(set) : set).map(([from, to]) =>
    from === to ? charInClass(from) : `${charInClass(from)}-${charInClass(to)}`
  ).join("");
  return isBeyond ? `[^${body}]` : `[${body}]`;
}

function escapesOf(set: CharSet): string[] {
  const letters = SHORT.filter(([, code]) => covers(set, [[code, code]])).map(([letter]) => letter);
  const escapes = letters.length === 0
    ? []
    : [`[${letters.map((letter) => letter === "\\" ? "\\\\" : letter).join("")}]`];
  const digits: string[] = [];
  for (const high of [0, 1, 7]) {
    const low = Array.from({ length: 16 }, (_, low) => low).filter((low) => {
      const code = high * 16 + low;
      return (high < 7 || low === 15) && covers(set, [[code, code]]);
    });
    if (low.length === 0) continue;
    digits.push(`"00${high}" [${low.map(hexDigit).join("")}]`);
  }
  if (covers(set, BASIC)) digits.push(BASIC_DIGITS);
  if (covers(set, PAIRS)) digits.push(PAIR_DIGITS);
  if (digits.length > 0) escapes.push(`"u" (${digits.join(" | ")})`);
  return escapes;
}

function hexDigit(digit: number): string {
  const text = digit.toString(16);
  return digit < 10 ? text : text + text.toUpperCase();
}

function charInClass(code: number): string {
  const char = String.fromCodePoint(code);
  if (/[a-zA-Z0-9]/.test(char)) return char;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
