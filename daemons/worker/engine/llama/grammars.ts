import { type Llama, LlamaGrammarEvaluationState, type LlamaModel } from "node-llama-cpp";
import { errorMessage, invalidRequest } from "#shared/errors.ts";
import { requestGrammars } from "../../grammar/request_grammar.ts";
import type { AnswerHold, SamplingRequest } from "../engine.ts";
import { acceptToken, nativeGrammar } from "./native.ts";

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

/** The beginning of an answer as tokens, see {@linkcode BegunAnswer}. */
export interface BegunTokens {
  readonly field: string;
  readonly tokens: readonly number[];
}

/**
 * Compiles the grammars of a request.
 *
 * @param begun The first grammar goes on after it.
 * @throws {LlorchError} `INVALID_REQUEST` that names the field
 */
export async function createGrammars(
  llama: Llama,
  model: LlamaModel,
  request: SamplingRequest,
  hold: AnswerHold | undefined,
  begun?: BegunTokens,
): Promise<Grammars> {
  const texts = await requestGrammars(request, hold);
  const compile = async (text: string | undefined, start: readonly number[] = []) => {
    if (text === undefined) return undefined;
    const grammar = await llama.createGrammar({ grammar: text });
    let known: LlamaGrammarEvaluationState | undefined;
    return () => {
      known ??= stateAfter(start, new LlamaGrammarEvaluationState({ model, grammar }), llama);
      return nativeGrammar(known.clone());
    };
  };
  let grammars: Grammars;
  try {
    grammars = {
      first: await compile(texts.first?.text, begun?.tokens),
      afterThought: await compile(texts.afterThought),
      calls: await compile(texts.calls),
      unheld: texts.first?.unheld ?? [],
    };
  } catch (error) {
    // Not expected: requestGrammars has checked for all known reasons.
    const field = texts.first?.field ?? "tools";
    throw invalidRequest([{ field, message: `llama.cpp cannot use it: ${errorMessage(error)}` }]);
  }
  if (begun) requireBeginning(grammars, begun.field);
  return grammars;
}

/** The state of a grammar after some tokens; throws if it does not allow them. */
function stateAfter(
  tokens: readonly number[],
  state: LlamaGrammarEvaluationState,
  llama: Llama,
): LlamaGrammarEvaluationState {
  for (const token of tokens) acceptToken(llama, nativeGrammar(state), token);
  return state;
}

function requireBeginning({ first }: Grammars, field: string): void {
  try {
    first?.();
  } catch {
    const message = "the answer cannot go on after this text: it is no beginning of what " +
      "json_schema allows, with its properties in their order";
    throw invalidRequest([{ field, message }]);
  }
}

/** Nothing holds the answer. */
export const NO_GRAMMARS: Grammars = {
  first: undefined,
  afterThought: undefined,
  calls: undefined,
  unheld: [],
};
