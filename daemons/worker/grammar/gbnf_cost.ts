import { type LeftGraph, type LeftGraphs, leftGraphs } from "./gbnf_left.ts";
import { atOnce } from "./in_turns.ts";
import type { Element, PlainRule } from "./gbnf_rules.ts";

/** The largest value of a figure, and the rule that has it. */
export interface Most {
  readonly rule: PlainRule;
  readonly count: number;
}

/** Upper bounds of what a grammar without loops costs llama.cpp. Figures may be Infinity. */
export interface GbnfCost {
  /**
   * Ways to go on from one position in a rule: llama.cpp holds all of them and checks them for each
   * character. Repetitions of elements that may be empty multiply them.
   */
  readonly ways: Most;
  /** Positions that it visits on all these ways. */
  readonly visits: Most;
  /** A rule that reads nothing and cannot be empty, which llama.cpp does not expect. */
  readonly dead: PlainRule | undefined;
  /**
   * Longest chain of rules that begin with each other: the depth of llama.cpp's search for loops.
   */
  readonly depth: Most;
  /** Elements that this search visits; it visits a rule again on each way to it. */
  readonly search: number;
}

/** @param rules At least one, without loops. */
export function costOf(rules: readonly PlainRule[]): GbnfCost {
  return atOnce(costing(rules, leftGraphs(rules)));
}

/** The same as {@linkcode costOf}, in a few steps. */
export function* costing(
  rules: readonly PlainRule[],
  { exact: graph, shallow }: LeftGraphs,
): Generator<void, GbnfCost> {
  const search = sumsOf(rules, shallow, (rule) => rule.size, (sum, each) => sum + each);
  yield;
  const depth = sumsOf(rules, shallow, () => 1, (most, each) => Math.max(most, 1 + each));
  yield;
  const ways = waysOf(rules, graph, 0);
  yield;
  return {
    ways: most(rules, ways),
    visits: most(rules, waysOf(rules, graph, 1)),
    dead: rules.find((_, index) => ways[index] === 0 && !graph.mayBeEmpty[index]),
    depth: most(rules, depth),
    search: search.reduce((sum, each) => sum + each, 0),
  };
}

function most(rules: readonly PlainRule[], counts: readonly number[]): Most {
  const count = counts.reduce((most, each) => Math.max(most, each), 0);
  return { rule: rules[Math.max(0, counts.indexOf(count))]!, count };
}

/** Adds up a figure along all steps from each rule; the graph must have no cycle. */
function sumsOf(
  rules: readonly PlainRule[],
  { steps, rounds }: LeftGraph,
  own: (rule: PlainRule) => number,
  add: (sum: number, of: number) => number,
): number[] {
  const sums = rules.map(own);
  for (const rule of rounds.flat()) {
    for (const { to } of steps[rule]!) sums[rule] = add(sums[rule]!, sums[to]!);
  }
  return sums;
}

/**
 * For each rule, the most ways to go on from a position in it, until something is read or the rule
 * ends.
 *
 * @param each How much each rule on the way counts.
 */
function waysOf(
  rules: readonly PlainRule[],
  { rounds, mayBeEmpty }: LeftGraph,
  each: 0 | 1,
): number[] {
  const ways = rules.map(() => 0);
  const along = (elements: readonly Element[], seen: (count: number) => void) => {
    let count = 0;
    for (let at = elements.length - 1; at >= 0; at--) {
      const element = elements[at]!;
      if (typeof element !== "number") count = 1;
      else count = each + ways[element]! + (mayBeEmpty[element] ? count : 0);
      seen(count);
    }
    return count;
  };
  for (const round of rounds) {
    let sum = 0;
    // Rules of a cycle that does not grow share one sum.
    for (const rule of round) {
      for (const elements of rules[rule]!.choices) sum += each + along(elements, () => {});
    }
    for (const rule of round) ways[rule] = sum;
  }
  return rules.map(({ choices }) => {
    let most = 0;
    let all = 0;
    for (const elements of choices) all += along(elements, (count) => most = Math.max(most, count));
    return Math.max(most, all);
  });
}
