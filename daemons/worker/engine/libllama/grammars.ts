import { invalidRequest } from "#shared/errors.ts";
import { checkGrammar } from "../../grammar/check_grammar.ts";
import { requestGrammars } from "../../grammar/request_grammar.ts";
import type { AnswerHold, SamplingRequest } from "../engine.ts";
import { cString } from "./c/c_values.ts";
import { acceptIfAllowed } from "./thread/chooser.ts";
import type { Llama } from "./c/library.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Name of the rule that a grammar begins with. */
const ROOT = "root";
/** A token that is given by its number. */
const TOKEN = /<\[\d+\]>/;

/** A grammar of a request, compiled: its states are made as copies of the first. */
export interface Compiled {
  readonly pointer: Deno.PointerValue;
  /** Whether it allows the beginning that it was given. */
  readonly allowsBeginning: boolean;
}

/** The grammars of a request; where one is undefined, nothing holds the answer. */
export interface Grammars {
  /** Holds from the first token on. */
  readonly first: Compiled | undefined;
  /** Holds from the end of a thought on. */
  readonly afterThought: Compiled | undefined;
  /** Holds a call from its first mark on. */
  readonly calls: Compiled | undefined;
  /** Whether the whole answer is text that the request's own grammar holds: without marks or tokens by number. */
  readonly isText: boolean;
  /** Places of schemas that the answer's grammar does not hold. */
  readonly unheld: readonly string[];
}

/** The beginning of an answer as tokens, see {@linkcode BegunAnswer}. */
export interface BegunTokens {
  readonly field: string;
  readonly tokens: readonly number[];
}

/**
 * Compiles the grammars of a request. Whoever gets them must free them.
 *
 * @param begun The first grammar goes on after it.
 * @throws {LlorchError} `INVALID_REQUEST` that names the field
 */
export async function createGrammars(
  llama: Llama,
  vocabulary: Vocabulary,
  request: SamplingRequest,
  hold: AnswerHold | undefined,
  begun?: BegunTokens,
): Promise<Grammars> {
  const texts = await requestGrammars(request, hold);
  const made: Deno.PointerValue[] = [];
  const field = texts.first?.field ?? "tools";
  const compile = (text: string | undefined, start: readonly number[] = []) => {
    if (text === undefined) return undefined;
    // What was put before a grammar of the request's own is text, which its tokens may not follow.
    if (TOKEN.test(text)) checkGrammar(text, field);
    const pointer = llama.llama_sampler_init_grammar(
      vocabulary.pointer,
      cString(text),
      cString(ROOT),
    );
    // Not expected: requestGrammars has checked for all known reasons.
    if (pointer === null) throw invalidRequest([{ field, message: "llama.cpp cannot use it" }]);
    made.push(pointer);
    const allowsBeginning = start.every((token) => acceptIfAllowed(llama, pointer, token));
    return { pointer, allowsBeginning };
  };
  try {
    const first = compile(texts.first?.text, begun?.tokens);
    if (begun && first?.allowsBeginning === false) {
      const message = "the answer cannot go on after this text: it is no beginning of what " +
        "json_schema allows, with its properties in their order";
      throw invalidRequest([{ field: begun.field, message }]);
    }
    const own = texts.first?.text;
    const isAlone = texts.afterThought === undefined && texts.calls === undefined;
    return {
      first,
      isText: own !== undefined && own === request.grammar && isAlone && !TOKEN.test(own),
      afterThought: compile(texts.afterThought),
      calls: compile(texts.calls),
      unheld: texts.first?.unheld ?? [],
    };
  } catch (error) {
    for (const each of made) llama.llama_sampler_free(each);
    throw error;
  }
}

/** Nothing holds the answer. */
export const NO_GRAMMARS: Grammars = {
  first: undefined,
  isText: false,
  afterThought: undefined,
  calls: undefined,
  unheld: [],
};
