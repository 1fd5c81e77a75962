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
  const root = unusedWord(text, "first-root");
  const renamed = renameRules(text, (name) => name === "root" ? root : name);
  return `root ::= [ \\t\\r\\n]{0,${most}} ${root}\n${renamed}`;
}
