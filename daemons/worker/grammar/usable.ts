import { LlorchError } from "#shared/errors.ts";
import { checking } from "./check_grammar.ts";
import type { Making } from "./in_turns.ts";
import type { JsonGrammar } from "./json_grammar.ts";
import { TooManyRules } from "./rule_book.ts";

/** Whether llama.cpp can handle a grammar. */
export function* isUsable(text: string): Making<boolean> {
  try {
    yield* checking(text, "tools");
    return true;
  } catch (error) {
    if (error instanceof LlorchError) return false;
    throw error;
  }
}

/** Makes a grammar; undefined if it would have too many rules. */
export function* madeOf(making: Making<JsonGrammar>): Making<JsonGrammar | undefined> {
  let made: JsonGrammar | undefined;
  try {
    made = yield* making;
  } catch (error) {
    if (!(error instanceof TooManyRules)) throw error;
  }
  yield;
  return made;
}
