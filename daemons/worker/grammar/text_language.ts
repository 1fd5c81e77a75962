import { bothOf, type Dfa, dfaOf, othersThan } from "./dfa.ts";
import { formatPattern } from "./formats.ts";
import { Nfa, TooMuchWork, Work } from "./nfa.ts";
import { BrokenPattern, readPattern, UnsupportedPattern } from "./pattern.ts";

/** Largest automaton that becomes rules of a grammar, and largest one on the way to it. */
export const MAX_STATES = 1_500;
/** Work for one pattern. */
const MAX_WORK = 100_000;
/**
 * Automata of patterns that were used last: most come again with the next request. One counts as
 * much work as when it was made, so that a request has the same grammar in every worker.
 */
const known = new Map<string, { readonly dfa: Dfa; readonly cost: number }>();
const MAX_KNOWN = 64;

/**
 * The texts in which a regular expression occurs; undefined if there are more states than a grammar
 * should have, or no automaton matches it.
 *
 * @throws {TooMuchWork} If the caller's bound is met.
 */
export function patternLanguage(source: string, work: Work): Dfa | undefined {
  const found = known.get(source);
  if (work.left <= 0) return undefined;
  if (found) {
    work.left -= found.cost;
    return work.left < 0 ? undefined : found.dfa;
  }
  const own = new Work(Math.min(MAX_WORK, work.left));
  const before = own.left;
  try {
    const [first, ...others] = readPattern(source).map(({ pattern, isNegated }) => {
      const dfa = dfaOf(new Nfa(pattern, own), own);
      return isNegated ? othersThan(dfa, own) : dfa;
    });
    const dfa = others.reduce((one, other) => bothOf(one, other, own), first!);
    if (dfa.length > MAX_STATES) return undefined;
    known.set(source, { dfa, cost: before - own.left });
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!);
    return dfa;
  } catch (error) {
    if (isNoLanguage(error)) return undefined;
    throw error;
  } finally {
    work.left -= before - own.left;
  }
}

/** The texts of a format; undefined if it only annotates, or is too large. */
export function formatLanguage(format: unknown, work: Work): Dfa | undefined {
  const pattern = formatPattern(format);
  return pattern === undefined ? undefined : patternLanguage(pattern, work);
}

function isNoLanguage(error: unknown): boolean {
  return error instanceof UnsupportedPattern || error instanceof BrokenPattern ||
    error instanceof TooMuchWork;
}

/** Makes a language within a bound of work and states; undefined if it goes beyond. */
export function withinBounds(make: () => Dfa): Dfa | undefined {
  try {
    const dfa = make();
    return dfa.length > MAX_STATES ? undefined : dfa;
  } catch (error) {
    if (error instanceof TooMuchWork) return undefined;
    throw error;
  }
}
