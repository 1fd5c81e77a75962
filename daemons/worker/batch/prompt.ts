import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import type { ExecuteRequest, Message } from "#shared/contracts/request.ts";
import type { Engine } from "../engine/engine.ts";

/** The part of an engine that turns prompts into tokens. */
type Tokenizer = Pick<Engine, "tokenize" | "tokenizeChat" | "vocabularySize" | "context">;

/** Whichever way a prompt is given. */
interface PromptFields {
  readonly prompt?: string | undefined;
  readonly prompt_tokens?: readonly number[] | undefined;
  readonly messages?: readonly Message[] | undefined;
}

/** A prompt's tokens, given as text, chat or tokens. */
export function promptTokens(fields: PromptFields, engine: Tokenizer): number[] {
  if (fields.prompt !== undefined) return engine.tokenize(fields.prompt);
  if (fields.messages !== undefined) return engine.tokenizeChat(fields.messages);
  return [...fields.prompt_tokens ?? []];
}

/**
 * Checks what only the model can know of a request.
 *
 * @throws {LlorchError} `INVALID_REQUEST` for ids outside the vocabulary.
 */
export function checkTokenIds(request: ExecuteRequest, engine: Tokenizer): void {
  const outside = (token: number) => token >= engine.vocabularySize;
  const limit = `the model's tokens are 0 to ${engine.vocabularySize - 1}`;
  const errors: FieldError[] = [];
  for (const field of ["prompt_tokens", "resume_tokens"] as const) {
    const index = request[field]?.findIndex(outside) ?? -1;
    if (index < 0) continue;
    const message = `${request[field]![index]} is not a token: ${limit}`;
    errors.push({ field: `${field}.${index}`, message });
  }
  for (const key of Object.keys(request.logit_bias ?? {})) {
    if (!outside(Number(key))) continue;
    errors.push({ field: `logit_bias.${key}`, message: `is not a token: ${limit}` });
  }
  if (errors.length > 0) throw invalidRequest(errors);
}

/**
 * Refuses a prompt that leaves no room for one token.
 *
 * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED` with the figures.
 */
export function checkLength(prompt: readonly number[], engine: Tokenizer): void {
  if (prompt.length === 0) {
    throw invalidRequest([{ field: "prompt", message: "has no tokens" }]);
  }
  if (prompt.length < engine.context) return;
  throw new LlorchError(
    "CONTEXT_LENGTH_EXCEEDED",
    `Cannot fit a prompt of ${prompt.length} tokens and a reply into the context of ` +
      `${engine.context} tokens: shorten it to at most ${engine.context - 1}`,
    { details: { prompt_tokens: prompt.length, context: engine.context } },
  );
}
