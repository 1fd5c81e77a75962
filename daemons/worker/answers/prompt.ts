import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import { type ExecuteRequest, isTokenId, type Message } from "#shared/contracts/request.ts";
import { defined } from "#shared/json.ts";
import { offeredTools, type ToolFields } from "#shared/contracts/tools.ts";
import type { ChatPrompt } from "../chat/chat_template.ts";
import type { Engine } from "../engine/engine.ts";
import { isMedia } from "../engine/media_tokens.ts";
import { readMedia } from "./media.ts";

/** A prompt as text, as token ids, or as a chat with tools. */
export interface PromptFields extends ToolFields {
  readonly prompt?: string | undefined;
  readonly prompt_tokens?: readonly number[] | undefined;
  readonly messages?: readonly Message[] | undefined;
  /** Whether the text of control tokens in the prompt becomes those tokens. */
  readonly special?: boolean | undefined;
  /** false: a plain prompt gets no begin token. */
  readonly add_special?: boolean | undefined;
  /** true: a text that the context cannot hold is read, too. */
  readonly beyond_context?: boolean | undefined;
  /** Text behind the gap that the model is to fill, and other files around it. */
  readonly suffix?: string | undefined;
  readonly context_files?: ExecuteRequest["context_files"];
  readonly max_tokens?: number | undefined;
  readonly reasoning_effort?: ExecuteRequest["reasoning_effort"];
  readonly chat_template_kwargs?: ExecuteRequest["chat_template_kwargs"];
  readonly continue_final_message?: boolean | undefined;
}

/** Tokens kept free behind a gap whose request says no number. */
const GAP_ROOM = 256;

/** The part of an engine that turns prompts into tokens. */
type Tokenizer = Pick<
  Engine,
  "tokenize" | "tokenizeGap" | "tokenizeChat" | "vocabularySize" | "context" | "media" | "blindness"
>;

/**
 * Tokens of a text that is tokenized and not evaluated, where the context holds fewer: most tokenizers read a
 * text at once, and nothing else goes on meanwhile.
 */
const MOST_TOKENIZED = 32_768;

/** Cutting a text may change its number of tokens by at most this. */
const CUT_MARGIN = 64;

/** A prompt as tokens, and how its answer is read if it is a chat. */
export type Prompt = Pick<ChatPrompt, "tokens"> & Partial<ChatPrompt> & {
  /** Lets go of its pictures; to be called once. Absent: it has none. */
  readonly release?: () => void;
};

/**
 * Converts a prompt to tokens. Whoever evaluates it must release it after that.
 *
 * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED` if a text or chat is far too long for the context
 */
export async function readPrompt(fields: PromptFields, engine: Tokenizer): Promise<Prompt> {
  const { prompt, messages, prompt_tokens, suffix, special } = fields;
  // Refuses a text that cannot fit before all of it is tokenized.
  const seen = (count: number) => {
    const most = fields.beyond_context ? Math.max(engine.context, MOST_TOKENIZED) : engine.context;
    if (count <= most + CUT_MARGIN) return;
    if (!fields.beyond_context) throw tooLong(count, engine, true);
    const message = `Cannot tokenize a text of more than ${most} tokens at once: send it in parts`;
    throw new LlorchError("INVALID_REQUEST", message);
  };
  if (prompt !== undefined && suffix !== undefined) {
    const { context_files: files, max_tokens: room = GAP_ROOM } = fields;
    return { tokens: await engine.tokenizeGap({ prefix: prompt, suffix, files, room }, seen) };
  }
  if (prompt !== undefined) {
    const options = { ...defined({ special, begins: fields.add_special }), seen };
    return { tokens: await engine.tokenize(prompt, options) };
  }
  if (messages !== undefined) {
    const { reasoning_effort: effort, chat_template_kwargs: kwargs } = fields;
    const continueFinal = fields.continue_final_message;
    const tools = offeredTools(fields);
    const { texts, media, release } = await readMedia(messages, engine);
    try {
      const chat = { messages: texts, tools, effort, kwargs, continueFinal, media };
      return { ...await engine.tokenizeChat(chat, seen), release };
    } catch (error) {
      release();
      throw error;
    }
  }
  return { tokens: [...prompt_tokens ?? []] };
}

/**
 * Checks a request's token ids against the model's vocabulary.
 *
 * @throws {LlorchError} `INVALID_REQUEST` for ids outside the vocabulary
 */
export function checkTokenIds(request: ExecuteRequest, engine: Tokenizer): void {
  const outside = (token: number) => token >= engine.vocabularySize;
  const limit = `the model's tokens are 0 to ${engine.vocabularySize - 1}`;
  const errors: FieldError[] = [];
  for (const field of ["prompt_tokens", "resume_tokens", "stop_token_ids"] as const) {
    const index = request[field]?.findIndex(outside) ?? -1;
    if (index < 0) continue;
    const message = `${request[field]![index]} is not a token: ${limit}`;
    errors.push({ field: `${field}.${index}`, message });
  }
  for (const key of Object.keys(request.logit_bias ?? {})) {
    // Any other key is a text.
    if (!isTokenId(key) || !outside(Number(key))) continue;
    errors.push({ field: `logit_bias.${key}`, message: `is not a token: ${limit}` });
  }
  if (errors.length > 0) throw invalidRequest(errors);
}

/**
 * Refuses an empty prompt, and one that leaves no room for a token in the context.
 *
 * @throws {LlorchError} `INVALID_REQUEST`, or `CONTEXT_LENGTH_EXCEEDED` with the figures
 */
export function checkLength(prompt: readonly number[], engine: Tokenizer): void {
  if (prompt.length === 0) {
    throw invalidRequest([{ field: "prompt", message: "has no tokens" }]);
  }
  if (prompt.length >= engine.context) throw tooLong(prompt.length, engine);
  if (isMedia(prompt.at(-1))) {
    const message = "end with an image, after which the model has nothing to answer";
    throw invalidRequest([{ field: "messages", message }]);
  }
}

/** Most probabilities of a prompt, which one event carries: that of each token and of its candidates. */
const MAX_PROMPT_LOGPROBS = 65_536;

/**
 * Refuses to report more probabilities of a prompt than an event can carry.
 *
 * @throws {LlorchError} `INVALID_REQUEST`
 */
export function checkPromptLogprobs(
  { prompt_logprobs: count }: Pick<ExecuteRequest, "prompt_logprobs">,
  tokens: number,
): void {
  if (count === undefined || tokens * (1 + count) <= MAX_PROMPT_LOGPROBS) return;
  const most = Math.floor(MAX_PROMPT_LOGPROBS / (1 + count));
  const message = `can be ${count} for at most ${most} tokens of a prompt: this one has ${tokens}`;
  throw invalidRequest([{ field: "prompt_logprobs", message }]);
}

/** @param isAtLeast Whether the rest of the prompt was not counted. */
function tooLong(tokens: number, { context }: Tokenizer, isAtLeast = false): LlorchError {
  return new LlorchError(
    "CONTEXT_LENGTH_EXCEEDED",
    `Cannot fit a prompt of ${
      isAtLeast ? "at least " : ""
    }${tokens} tokens and a reply into the context of ${context} tokens: ` +
      `shorten it to at most ${context - 1}`,
    { details: { prompt_tokens: tokens, context, ...(isAtLeast ? { at_least: true } : {}) } },
  );
}
