import type { Element, PlainRule, RuleIndex } from "./gbnf_rules.ts";

/**
 * Finds a rule in which a token that is given by its number may follow text. There llama.cpp takes the
 * next token for a match if it only begins as the text does, and then ends the process, since it does
 * not match.
 *
 * @param mayBeEmpty For each rule, whether it may be empty.
 */
export function tokenAfterText(
  rules: readonly PlainRule[],
  mayBeEmpty: readonly boolean[],
): PlainRule | undefined {
  if (!rules.some(({ choices }) => choices.some((each) => each.some(isToken)))) return undefined;
  const begins = outermost(rules, mayBeEmpty, isToken, (elements) => elements);
  const ends = outermost(rules, mayBeEmpty, isText, (elements) => elements.toReversed());
  const may = (element: Element, own: (element: Element) => boolean, ofRules: readonly boolean[]) =>
    typeof element === "number" ? ofRules[element]! : own(element);
  return rules.find(({ choices }) =>
    choices.some((elements) => {
      let isAfterText = false;
      return elements.some((element) => {
        if (isAfterText && may(element, isToken, begins)) return true;
        const isEmpty = typeof element === "number" && mayBeEmpty[element]!;
        isAfterText = may(element, isText, ends) || isAfterText && isEmpty;
        return false;
      });
    })
  );
}

function isToken(element: Element): boolean {
  return typeof element !== "number" && element.reads === "token";
}

function isText(element: Element): boolean {
  return typeof element !== "number" && element.reads !== "token";
}

/**
 * For each rule, whether something that it reads first is wanted.
 *
 * @param inOrder Puts a choice into the order in which it is read.
 */
function outermost(
  rules: readonly PlainRule[],
  mayBeEmpty: readonly boolean[],
  isWanted: (element: Element) => boolean,
  inOrder: (elements: readonly Element[]) => readonly Element[],
): readonly boolean[] {
  const found = rules.map(() => false);
  /** Rules that may read this one first. */
  const users = rules.map((): RuleIndex[] => []);
  const left: RuleIndex[] = [];
  for (const [rule, { choices }] of rules.entries()) {
    for (const elements of choices) {
      for (const element of inOrder(elements)) {
        if (typeof element === "number") users[element]!.push(rule);
        else if (isWanted(element)) left.push(rule);
        if (typeof element !== "number" || !mayBeEmpty[element]) break;
      }
    }
  }
  for (let rule = left.pop(); rule !== undefined; rule = left.pop()) {
    if (found[rule]) continue;
    found[rule] = true;
    left.push(...users[rule]!);
  }
  return found;
}
