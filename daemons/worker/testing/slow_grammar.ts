/**
 * A valid grammar with so many ways to go on that a choice among tens of thousands of tokens takes far
 * longer than 5 s: each token is compared with a class of many characters, in each of the ways. It allows
 * `z` and a number.
 */
export function slowGrammar(): string {
  const characters = Array.from({ length: 200 }, (_, at) => String.fromCodePoint(0x4e00 + 2 * at));
  const ways = Array.from({ length: 4_000 }, (_, way) => `c "${way}"`);
  return `root ::= ${ways.join(" | ")}\nc ::= [${characters.join("")}z]`;
}
