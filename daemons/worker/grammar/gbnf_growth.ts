import type { Reading } from "./gbnf.ts";
import { atOnce } from "./in_turns.ts";
import type { Element, PlainRule, RuleIndex } from "./gbnf_rules.ts";

/** A repeating text, such as tokens have, and how much of it llama.cpp can check for each token. */
interface Pattern {
  /** Length in characters; tokens of this kind are hardly longer. */
  readonly length: number;
  /** Most ways to read it. */
  readonly maxWays: number;
}
/** One repeated character, which vocabularies have many tokens of. */
const RUN: Pattern = { length: 64, maxWays: 1_000_000 };
/** Two alternating characters, such as `.:.:.:`. Large vocabularies have a few, without letters. */
const PAIRS: Pattern = { length: 32, maxWays: 10_000 };
/** Characters before such a text, as opening brackets come before closing ones. */
const OPENED = 32;
/** Most characters that are read from each beginning. */
const TEXT_STEPS = 200;
/** A beginning that has not grown after this many characters is not followed further. */
const FIRST_STEPS = 10;
/** Ways to go on that have not doubled within this many characters grow too slowly to matter. */
const DOUBLING_STEPS = 20;
/** Texts that are followed at the same time, and continuations of each. */
const TEXTS = 3;
const BRANCHES = 2;
/** Most ways to go on that llama.cpp can hold. */
const MAX_STACKS = 4_000;
/** Limits if the budget ran out: this many ways, and this many times those at the beginning. */
const SUSPICIOUS_STACKS = 400;
const SUSPICIOUS = 8;
/** Stacks that are checked in all, for each kind of growth; it takes some tens of milliseconds. */
const BUDGET = { readings: 100_000, stacks: 200_000 } as const;
/** Stacks that are checked from one beginning, so that some are left for the others. */
const BUDGET_OF_ONE = { readings: 30_000, stacks: 100_000 } as const;
/** Stacks that are checked for rules that come again within themselves, in all and for each. */
const NESTED_BUDGET = 60_000;
const NESTED_BUDGET_OF_ONE = 6_000;
/** How often such a rule's text is repeated. */
const NESTED_TIMES = 6;
/** Most characters that are tried from each beginning. */
const MAX_CHARACTERS = 16;

/** A figure that grows without bound while a text is read, and the rule in which it does. */
export interface Growth {
  readonly rule: PlainRule;
  /**
   * `readings`: one repeated character, or two alternating ones, can be read in ever more ways, as
   * `("a"+)+` reads `aaaa…`, and llama.cpp checks all of them for a token of such characters.
   * `stacks`: there are ever more ways to go on, all of which llama.cpp holds.
   */
  readonly of: "readings" | "stacks";
}

/**
 * Finds a rule in which a text costs llama.cpp exponentially more with each character. It has no
 * false positives, but cannot find every such rule, since not every text can be tried.
 *
 * @param rules Without loops, `root` first.
 */
export function findGrowth(rules: readonly PlainRule[]): Growth | undefined {
  return atOnce(growthIn(rules));
}

/** The same as {@linkcode findGrowth}, in steps of some milliseconds. */
export function* growthIn(rules: readonly PlainRule[]): Generator<void, Growth | undefined> {
  const machine = new StackMachine(rules);
  yield;
  const reached = [...reachedFrom(0, rules)];
  yield;
  function* find(
    of: Growth["of"],
    grows: (machine: StackMachine, stacks: readonly Stack[]) => Generator<void, boolean>,
  ): Generator<void, Growth | undefined> {
    let left: number = BUDGET[of];
    for (const index of reached) {
      if (left <= 0) break;
      const places = of === "stacks" ? [machine.start(index)] : machine.places(index);
      for (const place of places) {
        machine.budget = BUDGET_OF_ONE[of];
        if (yield* grows(machine, machine.beginnings(place))) return { rule: rules[index]!, of };
        left -= BUDGET_OF_ONE[of] - machine.budget;
        yield;
      }
    }
    return undefined;
  }
  return (yield* find("readings", growsInReadings)) ?? (yield* find("stacks", growsInStacks)) ??
    (yield* findNested(machine, reached, rules));
}

/** Finds a rule of several choices that contains itself before the text shows which choice it is. */
function* findNested(
  machine: StackMachine,
  reached: readonly RuleIndex[],
  rules: readonly PlainRule[],
): Generator<void, Growth | undefined> {
  let left = NESTED_BUDGET;
  for (const index of reached) {
    const { choices } = rules[index]!;
    const isChoice = choices.filter(([first]) => typeof first === "number").length > 1;
    if (!isChoice || left <= 0) continue;
    machine.budget = NESTED_BUDGET_OF_ONE;
    if (yield* growsNested(machine, machine.beginnings(machine.start(index)))) {
      return { rule: rules[index]!, of: "stacks" };
    }
    left -= NESTED_BUDGET_OF_ONE - machine.budget;
    yield;
  }
  return undefined;
}

/** Whether the text up to where a rule comes again, repeated, leaves ever more ways to go on. */
function* growsNested(
  machine: StackMachine,
  stacks: readonly Stack[],
): Generator<void, boolean> {
  const text = textToSelf(machine, stacks);
  if (!text) return false;
  machine.budget = Math.max(machine.budget, NESTED_BUDGET_OF_ONE);
  let ways = eachOnce(stacks);
  for (let time = 0; time < NESTED_TIMES; time++) {
    for (const character of text) {
      ways = machine.read(ways, character);
      yield;
    }
  }
  return ways.size >= stacks.length * 2 ** (NESTED_TIMES - 1);
}

/** A shortest text from a rule's beginning to where it begins again within itself. */
function textToSelf(machine: StackMachine, stacks: readonly Stack[]): number[] | undefined {
  const places = new Set(stacks.map(({ place }) => place));
  const from = new Map<Stack, { readonly before?: Stack; readonly character: number }>();
  for (const stack of stacks) from.set(stack, { character: 0 });
  for (const stack of from.keys()) {
    if (machine.budget <= 0) return undefined;
    if (from.get(stack)!.before && places.has(stack.place) && stack.below) {
      const text: number[] = [];
      for (let step = from.get(stack)!; step.before; step = from.get(step.before)!) {
        text.unshift(step.character);
      }
      return text;
    }
    const [character] = charactersOf([stack]);
    if (character === undefined) continue;
    for (const next of machine.read(eachOnce([stack]), character).keys()) {
      if (!from.has(next)) from.set(next, { before: stack, character });
    }
  }
  return undefined;
}

function* growsInReadings(
  machine: StackMachine,
  stacks: readonly Stack[],
): Generator<void, boolean> {
  for (const character of charactersOf(stacks)) {
    if (yield* growsAlong(machine, stacks, [character], RUN)) return true;
    if (isLetterOrDigit(character)) continue;
    for (const other of charactersOf(readAgain(machine, stacks, character, 1))) {
      if (other === character || isLetterOrDigit(other)) continue;
      if (yield* growsAlong(machine, stacks, [character, other], PAIRS)) return true;
    }
  }
  for (const character of charactersOf(stacks)) {
    const opened = readAgain(machine, stacks, character, OPENED);
    yield;
    for (const other of charactersOf(opened)) {
      if (other !== character && (yield* growsAlong(machine, opened, [other], RUN))) return true;
    }
  }
  return false;
}

/** Stacks after a character was read `times` times, or as often as possible. */
function readAgain(
  machine: StackMachine,
  stacks: readonly Stack[],
  character: number,
  times: number,
): readonly Stack[] {
  let ways = eachOnce(stacks);
  for (let time = 0; time < times; time++) {
    const next = machine.read(ways, character);
    if (next.size === 0) break;
    ways = next;
  }
  return [...ways.keys()];
}

/** Whether a repeated series of characters can be read in too many ways. */
function* growsAlong(
  machine: StackMachine,
  stacks: readonly Stack[],
  characters: readonly number[],
  { length, maxWays }: Pattern,
): Generator<void, boolean> {
  let ways = eachOnce(stacks);
  for (let step = 0; step < length && ways.size > 0; step++) {
    const sum = sumOf(ways);
    if (sum > maxWays) return true;
    if (step === FIRST_STEPS && sum <= stacks.length || machine.budget <= 0) return false;
    ways = machine.read(ways, characters[step % characters.length]!);
    yield;
  }
  return false;
}

function eachOnce(stacks: readonly Stack[]): Ways {
  return new Map(stacks.map((stack) => [stack, 1]));
}

function isLetterOrDigit(character: number): boolean {
  return /[\p{L}\p{N}]/u.test(String.fromCodePoint(character));
}

/** Whether stacks grow: repeatedly reads the characters that leave most stacks, for some texts. */
function* growsInStacks(
  machine: StackMachine,
  stacks: readonly Stack[],
): Generator<void, boolean> {
  let texts: readonly Ways[] = [eachOnce(stacks)];
  const before = stacks.length;
  let last = before;
  for (let step = 0; step < TEXT_STEPS; step++) {
    const most = texts[0]?.size ?? 0;
    if (most > Math.max(MAX_STACKS, 2 * before)) return true;
    // The budget ran out: many ways already count as too many.
    if (machine.budget <= 0) return most > Math.max(SUSPICIOUS_STACKS, SUSPICIOUS * before);
    if (step === FIRST_STEPS && most <= before || most === 0) return false;
    if (step > 0 && step % DOUBLING_STEPS === 0) {
      if (most < 2 * last) return false;
      last = most;
    }
    const longer: Ways[] = [];
    for (const ways of texts) {
      const next: Ways[] = [];
      for (const character of charactersOf(ways.keys())) {
        next.push(machine.read(ways, character));
        yield;
      }
      // Keeps several, since a continuation that is worse now may be better later.
      longer.push(...next.sort((one, other) => other.size - one.size).slice(0, BRANCHES));
    }
    texts = longer.sort((one, other) => other.size - one.size)
      .filter(({ size }, at) => at === 0 || size !== longer[at - 1]!.size).slice(0, TEXTS);
  }
  return false;
}

/** Stacks, each with the number of ways in which a text leads to it. */
type Ways = ReadonlyMap<Stack, number>;

/** One way to go on, as llama.cpp holds it: the next element, and below it what follows. Unique. */
interface Stack {
  /** Index of an element in the machine's list of all elements. */
  readonly place: number;
  /** What that element reads; undefined if it is a rule. */
  readonly reads: Reading | undefined;
  readonly below: Stack | undefined;
  readonly above: Map<number, Stack>;
}

/** Processes a grammar's stacks as llama.cpp does, and counts the visited ones. */
class StackMachine {
  /** Stacks that may still be visited. */
  budget = 0;
  /** Elements of all choices in a row, each choice followed by undefined. */
  readonly #elements: (Element | undefined)[] = [];
  /** Indexes of the first elements of each rule's choices. */
  readonly #choices: number[][] = [];
  readonly #bottom = new Map<number, Stack>();
  readonly #known = new Map<Stack | undefined, readonly Stack[]>();

  constructor(rules: readonly PlainRule[]) {
    for (const { choices } of rules) {
      this.#choices.push(choices.map((elements) => {
        const start = this.#elements.length;
        for (const element of elements) this.#elements.push(element);
        this.#elements.push(undefined);
        return start;
      }));
    }
  }

  /** Indexes of the first elements of a rule's choices. */
  start(rule: RuleIndex): readonly number[] {
    return this.#choices[rule]!;
  }

  /** The same, and indexes in them at which another rule begins after something was read. */
  *places(rule: RuleIndex): Generator<readonly number[]> {
    yield this.start(rule);
    for (const start of this.start(rule)) {
      for (let place = start + 1; this.#elements[place] !== undefined; place++) {
        if (this.#isRule(place) && !this.#isRule(place - 1)) yield [place];
      }
    }
  }

  /** Ways to go on from elements. */
  beginnings(places: readonly number[]): readonly Stack[] {
    return places.flatMap((place) => this.#advance(this.#on(place, undefined)));
  }

  #isRule(place: number): boolean {
    return typeof this.#elements[place] === "number";
  }

  /** Stacks after a character, each with the number of ways that lead to it. */
  read(ways: Ways, character: number): Ways {
    const next = new Map<Stack, number>();
    for (const [stack, count] of ways) {
      this.budget--;
      if (!matches(stack.reads!, character)) continue;
      for (const after of this.#advance(this.#on(stack.place + 1, stack.below))) {
        next.set(after, (next.get(after) ?? 0) + count);
      }
    }
    return next;
  }

  #on(place: number, below: Stack | undefined): Stack | undefined {
    const element = this.#elements[place];
    if (element === undefined) return below;
    const above = below?.above ?? this.#bottom;
    const known = above.get(place);
    if (known) return known;
    const reads = typeof element === "number" ? undefined : element.reads;
    const stack: Stack = { place, reads, below, above: new Map() };
    above.set(place, stack);
    return stack;
  }

  /** Expands rules until each stack reads something next; empty if nothing is left. */
  #advance(from: Stack | undefined): readonly Stack[] {
    const known = this.#known.get(from);
    if (known) return known;
    const found: Stack[] = [];
    const seen = new Set<Stack>();
    const todo = [from];
    while (todo.length > 0 && this.budget > 0) {
      const stack = todo.pop();
      this.budget--;
      if (stack === undefined || seen.has(stack)) continue;
      seen.add(stack);
      if (stack.reads !== undefined) {
        found.push(stack);
        continue;
      }
      const after = this.#on(stack.place + 1, stack.below);
      const rule = this.#elements[stack.place] as RuleIndex;
      for (const start of this.#choices[rule]!) todo.push(this.#on(start, after));
    }
    if (todo.length === 0) this.#known.set(from, found);
    return found;
  }
}

function reachedFrom(first: RuleIndex, rules: readonly PlainRule[]): Iterable<RuleIndex> {
  const reached = new Set([first]);
  for (const index of reached) {
    for (const elements of rules[index]!.choices) {
      for (const element of elements) if (typeof element === "number") reached.add(element);
    }
  }
  return reached;
}

function sumOf(ways: Ways): number {
  let sum = 0;
  for (const count of ways.values()) sum += count;
  return sum;
}

function matches(reading: Reading, character: number): boolean {
  if (typeof reading === "number") return reading === character;
  if (reading === "token") return false;
  return reading.not !==
    reading.ranges.some(([from, to]) => from <= character && character <= to);
}

/** Characters that most negated classes contain. */
const USUAL = Array.from(' a"0-\n', (character) => character.codePointAt(0)!);

function charactersOf(stacks: Iterable<Stack>): ReadonlySet<number> {
  const found = new Set<number>();
  for (const { reads } of stacks) {
    if (found.size >= MAX_CHARACTERS) break;
    if (typeof reads === "number") found.add(reads);
    else if (typeof reads === "object") {
      const own = reads.not ? USUAL : reads.ranges.map(([from]) => from).slice(0, 4);
      for (const each of own) if (matches(reads, each)) found.add(each);
    }
  }
  return found;
}
