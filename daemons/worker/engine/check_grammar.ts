import { invalidRequest } from "#shared/errors.ts";
import { GbnfError, readGbnf } from "./gbnf.ts";

/** Deeper groups would overflow the stack of llama.cpp's parser, and end the process. */
const MAX_DEPTH = 100;
/** Larger grammars take a second and more for each token. */
const MAX_SIZE = 500_000;

/**
 * Whether llama.cpp may be given a grammar.
 *
 * @param field Of the request, that the grammar is or was made of.
 * @throws {LlorchError} `INVALID_REQUEST` with the rule, the place and what is wrong.
 */
export function checkGrammar(text: string, field: string): void {
  const message = whatIsWrong(text);
  if (message !== undefined) throw invalidRequest([{ field, message }]);
}

function whatIsWrong(text: string): string | undefined {
  try {
    const { depth, size } = readGbnf(text);
    if (depth > MAX_DEPTH) return `is nested ${depth} deep: at most ${MAX_DEPTH} is possible`;
    if (size <= MAX_SIZE) return undefined;
    return `is too large: ${size} characters and choices with all repetitions, at most ${MAX_SIZE}`;
  } catch (error) {
    if (error instanceof GbnfError) return error.message;
    throw error;
  }
}
