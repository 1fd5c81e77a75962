import { type CharSet, EVERY, includes } from "./char_set.ts";
import type { Pattern } from "./pattern.ts";

/** Work beyond the bound that the caller has set. */
export class TooMuchWork extends Error {
  override readonly name = "TooMuchWork";
}

/** A bound on work, in steps of any kind that take about the same time. */
export class Work {
  constructor(public left: number) {}

  /** @throws {TooMuchWork} */
  spend(steps: number): void {
    this.left -= steps;
    if (this.left < 0) throw new TooMuchWork();
  }
}

/** A state of an {@linkcode Nfa}; states are numbered. */
export interface NfaState {
  /** States that are reached without reading: always, at the beginning, at the end of the text. */
  readonly always: number[];
  readonly atStart: number[];
  readonly atEnd: number[];
  /** What it reads to come to another state. */
  reads?: { readonly set: CharSet; readonly to: number };
}

/** A finite automaton that takes the texts in which a pattern occurs. */
export class Nfa {
  readonly states: NfaState[] = [];
  readonly start: number;
  readonly accepting: number;
  readonly #work: Work;

  /** @throws {TooMuchWork} If the pattern with its repetitions is too large. */
  constructor(pattern: Pattern, work: Work) {
    this.#work = work;
    this.start = this.#any();
    this.accepting = this.#any();
    const end = this.#add(pattern, this.start);
    this.states[end]!.always.push(this.accepting);
  }

  /** Whether a pattern occurs in a text, in time linear in the text's length. */
  matches(text: string, work: Work): boolean {
    let now = this.closure([this.start], { isStart: true, isEnd: text === "" }, work);
    let at = 0;
    for (const char of text) {
      at += char.length;
      const next = this.step(now, char.codePointAt(0)!);
      now = this.closure(next, { isStart: false, isEnd: at === text.length }, work);
    }
    return now.has(this.accepting);
  }

  step(states: Iterable<number>, character: number): number[] {
    const next: number[] = [];
    for (const state of states) {
      const { reads } = this.states[state]!;
      if (reads && includes(reads.set, character)) next.push(reads.to);
    }
    return next;
  }

  /** All states that are reached from some without reading, these included. */
  closure(
    from: readonly number[],
    { isStart, isEnd }: { readonly isStart: boolean; readonly isEnd: boolean },
    work: Work,
  ): Set<number> {
    const reached = new Set(from);
    for (const index of reached) {
      work.spend(1);
      const { always, atStart, atEnd } = this.states[index]!;
      for (const to of always) reached.add(to);
      if (isStart) { for (const to of atStart) reached.add(to); }
      if (isEnd) { for (const to of atEnd) reached.add(to); }
    }
    return reached;
  }

  #state(): number {
    this.#work.spend(1);
    return this.states.push({ always: [], atStart: [], atEnd: [] }) - 1;
  }

  /** A state that stays itself whatever is read. */
  #any(): number {
    const state = this.#state();
    this.states[state]!.reads = { set: EVERY, to: state };
    return state;
  }

  /** Adds a pattern that begins in a state; returns the state in which it ends. */
  #add(pattern: Pattern, from: number): number {
    switch (pattern.kind) {
      case "set": {
        // A state of its own, since a state reads one thing only.
        const reader = this.#after(from);
        const to = this.#state();
        this.states[reader]!.reads = { set: pattern.set, to };
        return to;
      }
      case "start":
      case "end": {
        const to = this.#state();
        const { atStart, atEnd } = this.states[from]!;
        (pattern.kind === "start" ? atStart : atEnd).push(to);
        return to;
      }
      case "sequence":
        return pattern.parts.reduce((at, part) => this.#add(part, at), from);
      case "choice": {
        const end = this.#state();
        for (const choice of pattern.choices) {
          this.states[this.#add(choice, this.#after(from))]!.always.push(end);
        }
        return end;
      }
      case "repeat":
        return this.#repeat(pattern, from);
    }
  }

  #repeat({ of, min, max }: Pattern & { kind: "repeat" }, from: number): number {
    let at = from;
    for (let count = 0; count < min; count++) at = this.#add(of, at);
    if (max === Infinity) {
      const loop = this.#after(at);
      const end = this.#after(loop);
      this.states[this.#add(of, loop)]!.always.push(loop);
      return end;
    }
    const ends = [at];
    for (let count = min; count < max; count++) ends.push(at = this.#add(of, at));
    const end = this.#state();
    for (const each of ends) this.states[each]!.always.push(end);
    return end;
  }

  /** A new state that a state leads to. */
  #after(from: number): number {
    const to = this.#state();
    this.states[from]!.always.push(to);
    return to;
  }
}
