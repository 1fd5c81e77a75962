import { literal } from "./literal_choice.ts";
import { renameRules, unusedWord } from "./rename_rules.ts";

/**
 * A grammar of what either of two grammars says.
 *
 * @param first Its text is kept, but for the name of its root.
 */
export function eitherGrammar(first: string, second: string): string {
  const root = unusedWord(first + second, "first-root");
  const prefix = unusedWord(first + root, "other-");
  return [
    `root ::= ${root} | ${prefix}root\n`,
    renameRules(first, (name) => name === "root" ? root : name),
    "\n",
    renameRules(second, (name) => prefix + name),
  ].join("");
}

/** A grammar of what another says, with white space before it, at most so many characters. */
export function afterSpace(text: string, most: number): string {
  return after(`[ \\t\\r\\n]{0,${most}}`, text);
}

/** A grammar of a text, and of what another grammar says after it. */
export function afterLiteral(first: string, text: string): string {
  return first === "" ? text : after(literal(first), text);
}

function after(expression: string, text: string): string {
  const root = unusedWord(text, "first-root");
  const renamed = renameRules(text, (name) => name === "root" ? root : name);
  return `root ::= ${expression} ${root}\n${renamed}`;
}
