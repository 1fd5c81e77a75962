import { GbnfError } from "./gbnf.ts";
import { type LeftGraph, leftGraph, type LeftStep, shallowLeftGraph } from "./gbnf_left.ts";
import type { PlainRule } from "./gbnf_rules.ts";

/** Which loops are looked for. */
export interface LoopOptions {
  /**
   * Also those that the llama.cpp of this version takes and comes out of: others may not.
   *
   * @default false
   */
  readonly all?: boolean;
}

/**
 * Where a grammar comes back to a rule without reading anything. llama.cpp refuses some of these
 * grammars without saying where; others it takes, and some of those it never comes out of: where
 * something is left to be read after each round.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readGbnf } from "./gbnf.ts";
 * import { plainRules } from "./gbnf_rules.ts";
 * const loop = findLoop(plainRules(readGbnf('root ::= list\nlist ::= list "," | "x"')));
 * assert.match(loop!.message, /^list: it begins with itself/);
 * ```
 */
export function findLoop(
  rules: readonly PlainRule[],
  { all = false }: LoopOptions = {},
): GbnfError | undefined {
  const graph = leftGraph(rules);
  const found = findRound(graph, all ? () => true : ({ grows }) => grows) ??
    findRound(shallowLeftGraph(rules), () => true);
  return found && told(found.map((index) => rules[index]!));
}

/** The rules of a round that has a step of the kind, the first of the text first. */
function findRound(
  { steps, rounds }: LeftGraph,
  isMeant: (step: LeftStep) => boolean,
): number[] | undefined {
  const roundOf = new Int32Array(steps.length);
  for (const [round, rules] of rounds.entries()) for (const rule of rules) roundOf[rule] = round;
  for (const [rule, each] of steps.entries()) {
    for (const step of each) {
      if (roundOf[step.to] !== roundOf[rule] || !isMeant(step)) continue;
      const inRound = (to: number) => roundOf[to] === roundOf[rule];
      return [rule, ...wayBetween(step.to, rule, steps, inRound)];
    }
  }
  return undefined;
}

/** Rules from one to before the other: the fewest. */
function wayBetween(
  from: number,
  to: number,
  steps: LeftGraph["steps"],
  isAllowed: (rule: number) => boolean,
): number[] {
  const cameFrom = new Map<number, number>();
  const reached = [from];
  for (const rule of reached) {
    if (rule === to) break;
    for (const { to: next } of steps[rule]!) {
      if (!isAllowed(next) || next === from || cameFrom.has(next)) continue;
      cameFrom.set(next, rule);
      reached.push(next);
    }
  }
  if (from === to) return [];
  const way: number[] = [];
  for (let at = cameFrom.get(to); at !== undefined; at = cameFrom.get(at)) way.unshift(at);
  return way;
}

/** Rules on the way round that a message names. */
const MOST_TOLD = 5;

function told(round: readonly PlainRule[]): GbnfError {
  const [rule] = round;
  const names = [...new Set(round.map((each) => each.of.name))];
  const [name, ...others] = names;
  if (others.length === 0 && round.every((each) => each.repeats)) {
    const message = "it repeats without end what may be empty: repeat what reads something";
    return new GbnfError(message, name, rule!.of);
  }
  const shown = others.length > MOST_TOLD ? [...others.slice(0, MOST_TOLD), "…"] : others;
  const by = shown.length === 0 ? "" : `, by way of ${shown.join(", ")}`;
  const message = `it begins with itself${by}, with nothing read: let it read something first`;
  return new GbnfError(message, name, rule!.of);
}
