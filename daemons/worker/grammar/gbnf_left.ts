import { atOnce } from "./in_turns.ts";
import type { Element, PlainRule } from "./gbnf_rules.ts";

/** A step from a rule to a rule that may come in it before anything is read. */
export interface LeftStep {
  /** Index of the rule. */
  readonly to: number;
  /** Whether elements follow it in the choice: each such step makes the stack grow. */
  readonly grows: boolean;
}

/** How the rules of a grammar lead to each other before anything is read. */
export interface LeftGraph {
  /** For each rule, whether it may be empty. */
  readonly mayBeEmpty: readonly boolean[];
  /** Steps of each rule; a rule that occurs twice has two steps. */
  readonly steps: readonly (readonly LeftStep[])[];
  /** Groups of rules that lead to each other, those without steps to other groups first. */
  readonly rounds: readonly (readonly number[])[];
}

/** Both graphs of a grammar. */
export interface LeftGraphs {
  /** With exact knowledge of which rules may be empty. */
  readonly exact: LeftGraph;
  /** That of llama.cpp's search for loops, where only rules with an empty choice are empty. */
  readonly shallow: LeftGraph;
}

/** Builds both graphs. */
export function leftGraphs(rules: readonly PlainRule[]): LeftGraphs {
  return atOnce(makingLeftGraphs(rules));
}

/** The same as {@linkcode leftGraphs}, in a few steps. */
export function* makingLeftGraphs(rules: readonly PlainRule[]): Generator<void, LeftGraphs> {
  const mayBeEmpty = emptyRules(rules);
  yield;
  const exact = yield* graphOf(rules, mayBeEmpty);
  yield;
  const shallow = yield* graphOf(rules, rules.map(hasEmptyChoice));
  return { exact, shallow };
}

function hasEmptyChoice({ choices }: PlainRule): boolean {
  return choices.some(({ length }) => length === 0);
}

function* graphOf(
  rules: readonly PlainRule[],
  mayBeEmpty: readonly boolean[],
): Generator<void, LeftGraph> {
  const steps = rules.map(({ choices }) => {
    const all: LeftStep[] = [];
    for (const elements of choices) addSteps(elements, mayBeEmpty, all);
    return all;
  });
  yield;
  return { mayBeEmpty, steps, rounds: roundsIn(steps) };
}

function addSteps(
  elements: readonly Element[],
  mayBeEmpty: readonly boolean[],
  steps: LeftStep[],
): void {
  for (let index = 0; index < elements.length; index++) {
    const to = elements[index]!;
    if (typeof to !== "number") return;
    steps.push({ to, grows: index + 1 < elements.length });
    if (!mayBeEmpty[to]) return;
  }
}

function emptyRules(rules: readonly PlainRule[]): boolean[] {
  /** Choices of nothing but rules, each with the number of those that are not known to be empty. */
  const users = rules.map((): { readonly rule: number; unknown: number }[] => []);
  const empty = rules.map(() => false);
  const left: number[] = [];
  for (let rule = 0; rule < rules.length; rule++) {
    for (const elements of rules[rule]!.choices) {
      if (elements.length === 0) left.push(rule);
      if (!elements.every((element) => typeof element === "number")) continue;
      const choice = { rule, unknown: elements.length };
      for (const element of elements) users[element]!.push(choice);
    }
  }
  for (let rule = left.pop(); rule !== undefined; rule = left.pop()) {
    if (empty[rule]) continue;
    empty[rule] = true;
    for (const choice of users[rule]!) if (--choice.unknown === 0) left.push(choice.rule);
  }
  return empty;
}

/**
 * Strongly connected components (Tarjan), without recursion, as there may be thousands of rules.
 */
function roundsIn(steps: readonly (readonly LeftStep[])[]): number[][] {
  const rounds: number[][] = [];
  const order = new Int32Array(steps.length).fill(-1);
  const low = new Int32Array(steps.length);
  const isOpen = new Uint8Array(steps.length);
  const open: number[] = [];
  const path: { readonly rule: number; next: number }[] = [];
  let count = 0;
  const enter = (rule: number) => {
    order[rule] = low[rule] = count++;
    isOpen[rule] = 1;
    open.push(rule);
    path.push({ rule, next: 0 });
  };
  for (const start of steps.keys()) {
    if (order[start] === -1) enter(start);
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const { rule } = last;
      const step = steps[rule]![last.next++];
      if (step) {
        if (order[step.to] === -1) enter(step.to);
        else if (isOpen[step.to]) low[rule] = Math.min(low[rule]!, order[step.to]!);
        continue;
      }
      path.pop();
      const before = path.at(-1);
      if (before) low[before.rule] = Math.min(low[before.rule]!, low[rule]!);
      if (low[rule] !== order[rule]) continue;
      const round = open.splice(open.lastIndexOf(rule));
      for (const each of round) isOpen[each] = 0;
      rounds.push(round);
    }
  }
  return rounds;
}
