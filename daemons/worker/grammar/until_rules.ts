import { allBut, charsOf } from "./char_set.ts";
import { classOf } from "./char_rules.ts";
import { literal } from "./literal_choice.ts";

/**
 * Rules that read any text up to and with the first place of a mark in it. As one character leads to
 * one rule, llama.cpp has one way to go on.
 *
 * @param name Name of the first rule; those of the others begin with it.
 */
export function untilRules(mark: string, name: string): Record<string, string> {
  const chars = [...mark];
  const nameOf = (matched: number) => matched === 0 ? name : `${name}-${matched}`;
  const rules: Record<string, string> = {};
  for (let matched = 0; matched < chars.length; matched++) {
    const choices: string[] = [];
    const known: string[] = [];
    for (const char of new Set(chars)) {
      const next = matchedAfter(chars, matched, char);
      if (next === 0) continue;
      known.push(char);
      choices.push(
        next === chars.length ? literal(char) : `${literal(char)} ${nameOf(next)}`,
      );
    }
    choices.push(`${classOf(allBut(charsOf(known.join(""))))} ${name}`);
    rules[nameOf(matched)] = choices.join(" | ");
  }
  return rules;
}

/** How much of a mark the text ends with after a character, if it ended with `matched` before. */
function matchedAfter(mark: readonly string[], matched: number, char: string): number {
  const text = [...mark.slice(0, matched), char];
  let length = text.length;
  while (length > 0 && !text.slice(-length).every((each, at) => each === mark[at])) length--;
  return length;
}
