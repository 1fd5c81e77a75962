import { GbnfError } from "./gbnf.ts";
import { type LeftGraph, type LeftGraphs, leftGraphs, type LeftStep } from "./gbnf_left.ts";
import type { PlainRule } from "./gbnf_rules.ts";

/** Options of {@linkcode findLoop}. */
export interface LoopOptions {
  /**
   * Also finds loops that our version of llama.cpp can handle and others may not.
   *
   * @default false
   */
  readonly all?: boolean;
}

/**
 * Finds a rule that leads to itself without reading anything. llama.cpp refuses some of these
 * grammars without saying where. Of those that it accepts, some make it hang: loops that leave
 * something to read after each round.
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
  { exact, shallow }: LeftGraphs = leftGraphs(rules),
): GbnfError | undefined {
  const found = findRound(exact, all ? () => true : ({ grows }) => grows) ??
    findRound(shallow, () => true);
  return found && loopError(found.map((index) => rules[index]!));
}

/** Rules of the first loop with a step for which `isMeant` is true. */
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

/** The shortest way from one rule to another, without the last one. */
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

/** Most other rules of the loop that a message names. */
const MOST_NAMED = 5;

function loopError(round: readonly PlainRule[]): GbnfError {
  const [rule] = round;
  const names = [...new Set(round.map((each) => each.of.name))];
  const [name, ...others] = names;
  if (others.length === 0 && round.every((each) => each.repeats)) {
    const message = "it repeats without end what may be empty: repeat what reads something";
    return new GbnfError(message, name, rule!.of);
  }
  const shown = others.length > MOST_NAMED ? [...others.slice(0, MOST_NAMED), "…"] : others;
  const by = shown.length === 0 ? "" : `, by way of ${shown.join(", ")}`;
  const message = `it begins with itself${by}, with nothing read: let it read something first`;
  return new GbnfError(message, name, rule!.of);
}
