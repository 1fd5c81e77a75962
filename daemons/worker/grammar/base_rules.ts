import { integerRange } from "./integer_range.ts";

/** Rules that every grammar may refer to. */
const BASE: Readonly<Record<string, string>> = {
  "ws": '"" | " " | "\\n" [ \\t]{0,20}',
  "char": '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  "string": '"\\"" char* "\\""',
  "whole": '"0" | [1-9] [0-9]{0,18}',
  "integer": integerRange(-Infinity, Infinity)!,
  "number": '"-"? whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
  "boolean": '"true" | "false"',
  "null": '"null"',
  "pair": 'string ":" ws value',
  "object": '"{" ws (pair (ws "," ws pair)* ws)? "}"',
  "array": '"[" ws (value (ws "," ws value)* ws)? "]"',
  "value": "object | array | string | number | boolean | null",
};

/** The text of a whole grammar: `root`, its own rules and the base rules. */
export function grammarText(root: string, own: Readonly<Record<string, string>>): string {
  const rules = { root, ...own, ...BASE };
  return Object.entries(rules).map(([name, rule]) => `${name} ::= ${rule}\n`).join("");
}
