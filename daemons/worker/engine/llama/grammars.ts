import { type Llama, LlamaGrammarEvaluationState, type LlamaModel } from "node-llama-cpp";
import { errorMessage, invalidRequest } from "#shared/errors.ts";
import { requestGrammars } from "../../grammar/request_grammar.ts";
import type { AnswerHold, SamplingRequest } from "../engine.ts";
import { nativeGrammar } from "./native.ts";

/** Makes a new state of a grammar. */
export type NewState = () => object;

/** The grammars of a request; where one is undefined, nothing holds the answer. */
export interface Grammars {
  /** Holds from the first token on. */
  readonly first: NewState | undefined;
  /** Holds from the end of a thought on. */
  readonly afterThought: NewState | undefined;
  /** Holds a call from its first mark on. */
  readonly calls: NewState | undefined;
  /** Places of schemas that the answer's grammar does not hold. */
  readonly unheld: readonly string[];
}

/**
 * Compiles the grammars of a request.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the field
 */
export async function createGrammars(
  llama: Llama,
  model: LlamaModel,
  request: SamplingRequest,
  hold: AnswerHold | undefined,
): Promise<Grammars> {
  const texts = await requestGrammars(request, hold);
  const compile = async (text: string | undefined) => {
    if (text === undefined) return undefined;
    const grammar = await llama.createGrammar({ grammar: text });
    let known: LlamaGrammarEvaluationState | undefined;
    return () => {
      known ??= new LlamaGrammarEvaluationState({ model, grammar });
      return nativeGrammar(known.clone());
    };
  };
  try {
    return {
      first: await compile(texts.first?.text),
      afterThought: await compile(texts.afterThought),
      calls: await compile(texts.calls),
      unheld: texts.first?.unheld ?? [],
    };
  } catch (error) {
    // Not expected: requestGrammars has checked for all known reasons.
    const field = texts.first?.field ?? "tools";
    throw invalidRequest([{ field, message: `llama.cpp cannot use it: ${errorMessage(error)}` }]);
  }
}

/** Nothing holds the answer. */
export const NO_GRAMMARS: Grammars = {
  first: undefined,
  afterThought: undefined,
  calls: undefined,
  unheld: [],
};
