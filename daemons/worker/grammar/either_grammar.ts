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

/** A grammar of what another says, with some white space before it. */
export function afterSpace(text: string): string {
  const root = unusedWord(text, "first-root");
  const renamed = renameRules(text, (name) => name === "root" ? root : name);
  return `root ::= [ \\t\\r\\n]{0,8} ${root}\n${renamed}`;
}
