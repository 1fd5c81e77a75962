import type { Reading } from "./gbnf.ts";
import type { Element, PlainRule, RuleIndex } from "./gbnf_rules.ts";

/** A text that tokens are made of, and what llama.cpp can go through for each of them that it looks at. */
interface Pattern {
  /** Characters: no token of this kind is much longer. */
  readonly length: number;
  /** Ways to read it. */
  readonly maxWays: number;
}
/** One character over and over: vocabularies are full of them. */
const RUN: Pattern = { length: 64, maxWays: 1_000_000 };
/** Two in turn, such as `.:.:.:`. Large vocabularies have a few, none of letters or digits. */
const PAIRS: Pattern = { length: 32, maxWays: 10_000 };
/** Characters before such a text, as brackets are opened before they are closed. */
const OPENED = 32;
/** Characters of a text, from each beginning. */
const TEXT_STEPS = 200;
/** A beginning that has not grown after so many characters is left. */
const FIRST_STEPS = 10;
/** In so many more characters the ways to go on must have doubled, or they grow too slowly to matter. */
const DOUBLING_STEPS = 20;
/** Texts that are followed at once, and ways to go on with each. */
const TEXTS = 3;
const BRANCHES = 2;
/** Ways to go on after a text that llama.cpp can hold. */
const MAX_STACKS = 4_000;
/** Or so many, and so many times those at the beginning, where looking at them was given up. */
const SUSPICIOUS_STACKS = 400;
const SUSPICIOUS = 8;
/** Stacks that are looked at in all, for either kind of growth, which takes some tens of milliseconds. */
const BUDGET = { readings: 100_000, stacks: 200_000 } as const;
/** And from one beginning on, so that something is left for the others. */
const BUDGET_OF_ONE = { readings: 30_000, stacks: 100_000 } as const;
/** Characters that are tried from each beginning. */
const MAX_CHARACTERS = 16;

/** What grows without bound while a text is read, and in which rule. */
export interface Growth {
  readonly rule: PlainRule;
  /**
   * `readings`: one character over and over, or two in turn, can be read in ever more ways, as `("a"+)+`
   * reads `aaaa…`, and llama.cpp goes through all of them for a token of many such characters. `stacks`:
   * ever more ways to go on, which llama.cpp holds.
   */
  readonly of: "readings" | "stacks";
}

/**
 * The first rule found where a text costs llama.cpp twice as much for each character or two. What is
 * found is so; not everything is found, because texts are without number.
 *
 * @param rules Without loops; the first is the one that all begins with.
 */
export function findGrowth(rules: readonly PlainRule[]): Growth | undefined {
  const machine = new StackMachine(rules);
  const reached = [...reachedFrom(0, rules)];
  const find = (
    of: Growth["of"],
    grows: (machine: StackMachine, stacks: readonly Stack[]) => boolean,
  ): Growth | undefined => {
    for (let left = BUDGET[of], at = 0; left > 0 && at < reached.length; at++) {
      const index = reached[at]!;
      const places = of === "stacks" ? [machine.start(index)] : machine.places(index);
      for (const place of places) {
        machine.budget = BUDGET_OF_ONE[of];
        if (grows(machine, machine.beginnings(place))) return { rule: rules[index]!, of };
        left -= BUDGET_OF_ONE[of] - machine.budget;
      }
    }
    return undefined;
  };
  return find("readings", growsInReadings) ?? find("stacks", growsInStacks);
}

function growsInReadings(machine: StackMachine, stacks: readonly Stack[]): boolean {
  for (const character of charactersOf(stacks)) {
    if (growsAlong(machine, stacks, [character], RUN)) return true;
    if (isLetterOrDigit(character)) continue;
    for (const other of charactersOf(readAgain(machine, stacks, character, 1))) {
      if (other === character || isLetterOrDigit(other)) continue;
      if (growsAlong(machine, stacks, [character, other], PAIRS)) return true;
    }
  }
  for (const character of charactersOf(stacks)) {
    const opened = readAgain(machine, stacks, character, OPENED);
    for (const other of charactersOf(opened)) {
      if (other !== character && growsAlong(machine, opened, [other], RUN)) return true;
    }
  }
  return false;
}

/** Where a character leads to, so often or as often as it can be read. */
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

/** Whether characters, again and again, can be read in too many ways. */
function growsAlong(
  machine: StackMachine,
  stacks: readonly Stack[],
  characters: readonly number[],
  { length, maxWays }: Pattern,
): boolean {
  let ways = eachOnce(stacks);
  for (let step = 0; step < length && ways.size > 0; step++) {
    const sum = sumOf(ways);
    if (sum > maxWays) return true;
    if (step === FIRST_STEPS && sum <= stacks.length || machine.budget <= 0) return false;
    ways = machine.read(ways, characters[step % characters.length]!);
  }
  return false;
}

function eachOnce(stacks: readonly Stack[]): Ways {
  return new Map(stacks.map((stack) => [stack, 1]));
}

function isLetterOrDigit(character: number): boolean {
  return /[\p{L}\p{N}]/u.test(String.fromCodePoint(character));
}

/** Reads the characters that leave most to go on with, again and again, along a few texts at once. */
function growsInStacks(machine: StackMachine, stacks: readonly Stack[]): boolean {
  let texts: readonly Ways[] = [eachOnce(stacks)];
  const before = stacks.length;
  let last = before;
  for (let step = 0; step < TEXT_STEPS; step++) {
    const most = texts[0]?.size ?? 0;
    if (most > Math.max(MAX_STACKS, 2 * before)) return true;
    // A text that took so much to read has many ways, if not yet too many.
    if (machine.budget <= 0) return most > Math.max(SUSPICIOUS_STACKS, SUSPICIOUS * before);
    if (step === FIRST_STEPS && most <= before || most === 0) return false;
    if (step > 0 && step % DOUBLING_STEPS === 0) {
      if (most < 2 * last) return false;
      last = most;
    }
    const longer = texts.flatMap((ways) => {
      const next = [...charactersOf(ways.keys())].map((character) => machine.read(ways, character));
      // The best of each text is soon the same for all: what is less good now may be better later.
      return next.sort((one, other) => other.size - one.size).slice(0, BRANCHES);
    });
    texts = longer.sort((one, other) => other.size - one.size)
      .filter(({ size }, at) => at === 0 || size !== longer[at - 1]!.size).slice(0, TEXTS);
  }
  return false;
}

/** Stacks, each with the number of ways that a text leads to it. */
type Ways = ReadonlyMap<Stack, number>;

/** One way to go on, as llama.cpp holds it: what comes next, and after that. There is one of each. */
interface Stack {
  /** Index of an element of all rules' choices in a row. */
  readonly place: number;
  /** What that element reads; undefined where it is a rule. */
  readonly reads: Reading | undefined;
  readonly below: Stack | undefined;
  readonly above: Map<number, Stack>;
}

/** Does to a grammar's stacks what llama.cpp does, and counts what it looks at. */
class StackMachine {
  /** Stacks that may still be looked at. */
  budget = 0;
  /** Elements of all choices, each choice followed by an undefined. */
  readonly #elements: (Element | undefined)[] = [];
  /** By rule, where its choices begin. */
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

  /** Where the choices of a rule begin. */
  start(rule: RuleIndex): readonly number[] {
    return this.#choices[rule]!;
  }

  /** The same, and where another rule begins after something was read. */
  *places(rule: RuleIndex): Generator<readonly number[]> {
    yield this.start(rule);
    for (const start of this.start(rule)) {
      for (let place = start + 1; this.#elements[place] !== undefined; place++) {
        if (this.#isRule(place) && !this.#isRule(place - 1)) yield [place];
      }
    }
  }

  /** Ways to go on from places. */
  beginnings(places: readonly number[]): readonly Stack[] {
    return places.flatMap((place) => this.#advance(this.#on(place, undefined)));
  }

  #isRule(place: number): boolean {
    return typeof this.#elements[place] === "number";
  }

  /** All that follows a character, each stack with the number of ways that lead to it. */
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

  /** Stacks that something is read next of; where nothing is left, there is none. */
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
    for (const element of rules[index]!.choices.flat()) {
      if (typeof element === "number") reached.add(element);
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

/** Characters that most classes have that leave some out. */
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
