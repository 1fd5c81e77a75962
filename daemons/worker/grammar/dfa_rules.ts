import { charRule, classOf } from "./char_rules.ts";
import type { CharSet } from "./char_set.ts";
import type { Dfa } from "./dfa.ts";

/** How an automaton's texts stand in an answer: as JSON strings, or bare, as numbers do. */
export type Writing = "string" | "bare";

/**
 * Writes an automaton as rules of a grammar, one for each state that cannot stand in its place. As
 * one character leads to one state, llama.cpp has one way to go on, whatever the pattern.
 *
 * @param dfa With at least one state.
 * @param addRule Adds a rule and returns its name.
 * @returns an expression for any position in a rule
 */
export function dfaRules(
  dfa: Dfa,
  writing: Writing,
  newName: () => string,
  addRule: (name: string, expression: string) => void,
): string {
  const end = writing === "string" ? '"\\""' : '""';
  const classes = new Map<string, string>();
  const read = (set: CharSet): string => {
    const [[first, last] = [0, 1]] = set;
    if (set.length === 1 && first === last && isOrdinary(first)) {
      return `"${String.fromCodePoint(first)}"`;
    }
    if (writing === "bare") return classOf(set);
    const expression = charRule(set);
    if (!expression.startsWith("(")) return expression;
    const known = classes.get(expression) ?? newName();
    if (!classes.has(expression)) addRule(known, expression);
    classes.set(expression, known);
    return known;
  };
  const uses = dfa.map(() => 0);
  for (const { edges } of dfa) for (const { to } of edges) uses[to]!++;
  const names = new Map<number, string>();
  const isLine = (state: number) => {
    const { accepts, edges } = dfa[state]!;
    return edges.length === 0 || state !== 0 && uses[state] === 1 && !accepts && edges.length === 1;
  };
  const nameOf = (state: number) => {
    const name = names.get(state) ?? newName();
    names.set(state, name);
    return name;
  };
  /** What is read from an edge up to the next state with a rule. */
  const line = (set: CharSet, to: number): string => {
    const items = [read(set)];
    let at = to;
    while (isLine(at) && dfa[at]!.edges.length === 1) {
      const [edge] = dfa[at]!.edges;
      items.push(read(edge!.set));
      at = edge!.to;
    }
    const isEnd = dfa[at]!.edges.length === 0;
    if (!isEnd || writing === "string") items.push(isEnd ? end : nameOf(at));
    return counted(items);
  };
  for (const [state, { accepts, edges }] of dfa.entries()) {
    if (state > 0 && isLine(state)) continue;
    const choices = edges.map(({ set, to }) => line(set, to));
    if (accepts) choices.push(end);
    addRule(nameOf(state), choices.join(" | "));
  }
  return writing === "string" ? `"\\"" ${nameOf(0)}` : nameOf(0);
}

/** Whether a character stands for itself in a grammar's literals and in JSON's strings. */
function isOrdinary(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c && code !== 0x2f;
}

/** Items in a row, equal ones counted. */
function counted(items: readonly string[]): string {
  const written: string[] = [];
  for (let at = 0; at < items.length;) {
    let count = 1;
    while (items[at + count] === items[at]) count++;
    written.push(count === 1 ? items[at]! : `${items[at]}{${count}}`);
    at += count;
  }
  return written.join(" ");
}
