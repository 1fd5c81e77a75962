import { allBut, type CharRange, type CharSet, charSet, EVERY, inBoth } from "./char_set.ts";
import type { Nfa, Work } from "./nfa.ts";

/** What a state reads to come to another; sets of a state's edges do not overlap. */
export interface Edge {
  readonly set: CharSet;
  readonly to: number;
}

/** A state of a {@linkcode Dfa}; what no edge reads is not taken. */
export interface DfaState {
  readonly accepts: boolean;
  readonly edges: readonly Edge[];
}

/**
 * A deterministic finite automaton: a set of texts. The first state is the start; without any state
 * it takes nothing.
 */
export type Dfa = readonly DfaState[];

/** The texts in which a pattern occurs. */
export function dfaOf(nfa: Nfa, work: Work): Dfa {
  const found = new Map<string, number>();
  const sets: (readonly number[])[] = [];
  const known = (reached: ReadonlySet<number>) => {
    const set = [...reached].sort((one, other) => one - other);
    work.spend(set.length);
    const key = set.join();
    return found.get(key) ?? (found.set(key, sets.length), sets.push(set) - 1);
  };
  // Only the start is at the beginning, also where a later state has the same set.
  sets.push([...nfa.closure([nfa.start], { isStart: true, isEnd: false }, work)]);
  const states: DfaState[] = [];
  for (let index = 0; index < sets.length; index++) {
    const set = sets[index]!;
    const isStart = index === 0;
    // Once the pattern has occurred, all that follows is taken.
    if (set.includes(nfa.accepting)) {
      states.push({ accepts: true, edges: [{ set: EVERY, to: index }] });
      continue;
    }
    const accepts = nfa.closure(set, { isStart, isEnd: true }, work).has(nfa.accepting);
    const edges = edgesFrom(nfa, set, work).map(({ set, targets }) => ({
      set,
      to: known(nfa.closure(targets, { isStart: false, isEnd: false }, work)),
    }));
    states.push({ accepts, edges: joined(edges) });
  }
  return reduced(states, work);
}

/** Where each character leads from several states. */
function edgesFrom(
  nfa: Nfa,
  from: readonly number[],
  work: Work,
): { set: CharSet; targets: number[] }[] {
  const reads = from.flatMap((state) => nfa.states[state]!.reads ?? []);
  const cuts = new Set<number>();
  for (const { set } of reads) {
    for (const [first, last] of set) cuts.add(first).add(last + 1);
  }
  const bounds = [...cuts].sort((one, other) => one - other);
  work.spend(bounds.length);
  const groups = new Map<string, { ranges: CharRange[]; targets: number[] }>();
  const places = reads.map(() => 0);
  for (let index = 0; index + 1 < bounds.length; index++) {
    const range: CharRange = [bounds[index]!, bounds[index + 1]! - 1];
    work.spend(reads.length);
    const targets: number[] = [];
    for (const [at, { set, to }] of reads.entries()) {
      while (places[at]! < set.length && set[places[at]!]![1] < range[0]) places[at]!++;
      if ((set[places[at]!]?.[0] ?? Infinity) <= range[0]) targets.push(to);
    }
    if (targets.length === 0) continue;
    const key = targets.join();
    const group = groups.get(key);
    if (group) group.ranges.push(range);
    else groups.set(key, { ranges: [range], targets });
  }
  return [...groups.values()].map(({ ranges, targets }) => ({ set: charSet(ranges), targets }));
}

/** Edges to the same state become one. */
function joined(edges: readonly Edge[]): Edge[] {
  return [...Map.groupBy(edges, ({ to }) => to)].map(([to, same]) => ({
    set: same.length === 1 ? same[0]!.set : charSet(same.flatMap(({ set }) => set)),
    to,
  }));
}

/** The texts that both take. */
export function bothOf(one: Dfa, other: Dfa, work: Work): Dfa {
  if (one.length === 0 || other.length === 0) return [];
  const found = new Map<number, number>();
  const pairs: (readonly [number, number])[] = [];
  const known = (a: number, b: number) => {
    work.spend(1);
    const key = a * other.length + b;
    return found.get(key) ?? (found.set(key, pairs.length), pairs.push([a, b]) - 1);
  };
  known(0, 0);
  const states: DfaState[] = [];
  for (let index = 0; index < pairs.length; index++) {
    const [a, b] = pairs[index]!;
    const edges: Edge[] = [];
    for (const first of one[a]!.edges) {
      for (const second of other[b]!.edges) {
        work.spend(1);
        const set = inBoth(first.set, second.set);
        if (set.length > 0) edges.push({ set, to: known(first.to, second.to) });
      }
    }
    states.push({ accepts: one[a]!.accepts && other[b]!.accepts, edges: joined(edges) });
  }
  return reduced(states, work);
}

/** The texts that an automaton does not take. */
export function othersThan(dfa: Dfa, work: Work): Dfa {
  const sink = dfa.length;
  const states: DfaState[] = dfa.map(({ accepts, edges }) => {
    const rest = allBut(charSet(edges.flatMap(({ set }) => set)));
    return {
      accepts: !accepts,
      edges: [...edges, ...rest.length ? [{ set: rest, to: sink }] : []],
    };
  });
  states.push({ accepts: true, edges: [{ set: EVERY, to: sink }] });
  return reduced(states, work);
}

/** The texts of a list. */
export function textsOf(texts: Iterable<string>, work: Work): Dfa {
  interface Node {
    accepts: boolean;
    readonly next: Map<number, number>;
  }
  const nodes: Node[] = [{ accepts: false, next: new Map() }];
  for (const text of texts) {
    let at = 0;
    for (const char of text) {
      work.spend(1);
      const code = char.codePointAt(0)!;
      const next = nodes[at]!.next.get(code) ??
        nodes.push({ accepts: false, next: new Map() }) - 1;
      nodes[at]!.next.set(code, next);
      at = next;
    }
    nodes[at]!.accepts = true;
  }
  const states = nodes.map(({ accepts, next }) => ({
    accepts,
    edges: Array.from(next, ([code, to]): Edge => ({ set: [[code, code]], to })),
  }));
  return reduced(states, work);
}

/** The texts with a number of characters between two bounds. */
export function lengthsOf(min: number, max: number, work: Work): Dfa {
  const last = max === Infinity ? min : max;
  work.spend(last);
  return Array.from({ length: last + 1 }, (_, length) => ({
    accepts: length >= min,
    edges: length < last || max === Infinity
      ? [{ set: EVERY, to: Math.min(length + 1, last) }]
      : [],
  }));
}

/** Whether a text is taken. */
export function takes(dfa: Dfa, text: string): boolean {
  let at: number | undefined = dfa.length > 0 ? 0 : undefined;
  for (const char of text) {
    if (at === undefined) return false;
    const code = char.codePointAt(0)!;
    at = dfa[at]!.edges.find(({ set }) => set.some(([from, to]) => from <= code && code <= to))?.to;
  }
  return at !== undefined && dfa[at]!.accepts;
}

/** Leaves out states that lead to no text, and joins states that go on in the same way. */
function reduced(states: readonly DfaState[], work: Work): Dfa {
  const order = endsFirst(states);
  const isUseful = usefulStates(states, work);
  const same = new Map<string, number>();
  const kept: number[] = [];
  const newIndex = new Map<number, number>();
  for (const index of order) {
    if (!isUseful[index]) continue;
    const { accepts, edges } = states[index]!;
    work.spend(edges.length + 1);
    const key = `${accepts};` + edges.filter(({ to }) => isUseful[to])
      // A state that is not numbered yet can only be told by its own number, itself by a word.
      .map(({ set, to }) =>
        `${to === index ? "self" : newIndex.get(to) ?? `later${to}`}:${set.join(" ")}`
      ).sort().join(";");
    const known = same.get(key);
    newIndex.set(index, known ?? kept.length);
    if (known === undefined) same.set(key, kept.push(index) - 1);
  }
  if (!isUseful[0]) return [];
  // The start comes first again.
  const start = newIndex.get(0)!;
  const last = kept.length - 1;
  const placeOf = (index: number) => {
    const at = newIndex.get(index)!;
    return at === start ? 0 : at < start ? at + 1 : at;
  };
  const result: DfaState[] = Array.from({ length: last + 1 });
  for (const index of kept) {
    const { accepts, edges } = states[index]!;
    const useful = edges.filter(({ to }) => isUseful[to]);
    result[placeOf(index)] = {
      accepts,
      edges: joined(useful.map(({ set, to }) => ({ set, to: placeOf(to) }))),
    };
  }
  return result;
}

/** States from the start, each after those that it leads to as far as there is no circle. */
function endsFirst(states: readonly DfaState[]): number[] {
  const order: number[] = [];
  const isSeen = new Uint8Array(states.length);
  const path: { readonly state: number; next: number }[] = [];
  const enter = (state: number) => {
    isSeen[state] = 1;
    path.push({ state, next: 0 });
  };
  if (states.length > 0) enter(0);
  for (let last = path.at(-1); last; last = path.at(-1)) {
    const edge = states[last.state]!.edges[last.next++];
    if (edge === undefined) order.push(path.pop()!.state);
    else if (!isSeen[edge.to]) enter(edge.to);
  }
  return order;
}

/** For each state whether it leads to an accepting one. */
function usefulStates(states: readonly DfaState[], work: Work): Uint8Array {
  const before = states.map((): number[] => []);
  for (const [from, { edges }] of states.entries()) {
    work.spend(edges.length);
    for (const { to } of edges) before[to]!.push(from);
  }
  const isUseful = new Uint8Array(states.length);
  const left = states.flatMap(({ accepts }, index) => accepts ? [index] : []);
  for (let index = left.pop(); index !== undefined; index = left.pop()) {
    if (isUseful[index]) continue;
    isUseful[index] = 1;
    left.push(...before[index]!);
  }
  return isUseful;
}
