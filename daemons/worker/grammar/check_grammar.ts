import { createHash } from "node:crypto";
import { invalidRequest } from "#shared/errors.ts";
import { GbnfError, readingGbnf } from "./gbnf.ts";
import { costing, type Most } from "./gbnf_cost.ts";
import { growthIn } from "./gbnf_growth.ts";
import { findLoop } from "./gbnf_loops.ts";
import { makingLeftGraphs } from "./gbnf_left.ts";
import { makingPlainRules } from "./gbnf_rules.ts";
import { tokenAfterText } from "./gbnf_tokens.ts";
import { atOnce } from "./in_turns.ts";

/** Deeper nesting would overflow the stack of llama.cpp's parser and end the process. */
const MAX_DEPTH = 100;
/** Larger grammars take a second or more for each token. */
const MAX_SIZE = 500_000;
/** With more ways to go on, llama.cpp takes seconds and unlimited memory. */
const MAX_WAYS = 5_000;
/** The same is true of more rules on all these ways. */
const MAX_VISITS = 200_000;
/** llama.cpp's search for loops recurses for each rule that begins with another. */
const MAX_BEGINNINGS = 5_000;
/** The same search visits every way to begin, of which there can be astronomically many. */
const MAX_SEARCH = 50_000_000;

/** The program that will use a grammar: our llama.cpp, or any version of it. */
export type GrammarReader = "own" | "any";

/**
 * Refuses grammars that llama.cpp cannot handle. If it cannot parse one, it only prints a line on
 * stderr; a rule that leads to itself without reading anything never ends and takes all memory; and
 * so, in effect, do very many ways to go on. It ends the process where a token follows text.
 *
 * @param field Field of the request that the grammar is or was made from, for the error.
 * @param reader `any` for other versions of llama.cpp: some hang in loops that ours can handle.
 * @throws {LlorchError} `INVALID_REQUEST` with the rule, the position and what is wrong
 */
export function checkGrammar(text: string, field: string, reader: GrammarReader = "own"): void {
  atOnce(checking(text, field, reader));
}

/** The same as {@linkcode checkGrammar}, in steps of some milliseconds. */
export function* checking(
  text: string,
  field: string,
  reader: GrammarReader = "own",
): Generator<void, void> {
  const key = createHash("sha256").update(`${reader} ${text}`).digest("base64");
  if (known.delete(key)) {
    known.add(key);
    return;
  }
  const message = yield* whatIsWrong(text, reader);
  if (message !== undefined) throw invalidRequest([{ field, message }]);
  known.add(key);
  if (known.size > MAX_KNOWN) known.delete(known.values().next().value!);
}

/** Digests of grammars that passed, least recently used first: most come again with the next request. */
const known = new Set<string>();
const MAX_KNOWN = 256;

function* whatIsWrong(text: string, reader: GrammarReader): Generator<void, string | undefined> {
  try {
    const grammar = yield* readingGbnf(text);
    const { depth, size } = grammar;
    if (depth > MAX_DEPTH) return `is nested ${depth} deep: at most ${MAX_DEPTH} is possible`;
    if (size > MAX_SIZE) {
      return `is too large: ${size} characters and choices with all repetitions, at most ${MAX_SIZE}`;
    }
    yield;
    const rules = yield* makingPlainRules(grammar);
    yield;
    const graphs = yield* makingLeftGraphs(rules);
    yield;
    const loop = findLoop(rules, { all: reader === "any" }, graphs);
    if (loop) return loop.message;
    yield;
    const mixed = tokenAfterText(rules, graphs.exact.mayBeEmpty);
    if (mixed) {
      return at(
        { rule: mixed },
        "a token's number may not follow text: write the token's text, or numbers before it",
      );
    }
    yield;
    const { ways, visits, dead, depth: beginnings, search } = yield* costing(rules, graphs);
    if (dead) {
      return at(
        { rule: dead },
        "it matches no text, not even an empty one: add an alternative that matches",
      );
    }
    for (const [{ count, rule }, most] of [[ways, MAX_WAYS], [visits, MAX_VISITS]] as const) {
      if (count <= most) continue;
      return at(
        { rule },
        `there are ${figure(count)} ways to go on from one place in it, at most ${most} are ` +
          "possible: have fewer choices, and repeat less of what may be empty",
      );
    }
    if (beginnings.count > MAX_BEGINNINGS) {
      return at(
        beginnings,
        `${beginnings.count} rules begin with each other in a row, at most ${MAX_BEGINNINGS} may`,
      );
    }
    if (search > MAX_SEARCH) {
      return `there are ${figure(search)} ways to begin its rules, at most ${MAX_SEARCH} are ` +
        "possible: let fewer choices begin with the same rule";
    }
    yield;
    const growth = yield* growthIn(rules);
    if (!growth) return undefined;
    return at(
      growth,
      growth.of === "readings"
        ? "one character, repeated, can be read in countless ways: repeat it in one place only"
        : "a text of it can go on in ever more ways: let its choices begin differently",
    );
  } catch (error) {
    if (error instanceof GbnfError) return error.message;
    throw error;
  }
}

function at({ rule: { of } }: Pick<Most, "rule">, message: string): string {
  return new GbnfError(message, of.name, of).message;
}

function figure(count: number): string {
  return count < 1e15 ? String(count) : "countless";
}
