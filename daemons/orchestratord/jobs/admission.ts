import {
  offeredTools,
  type RouteCall,
  type TaskRequest,
  textOf,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import { LlorchError } from "#shared/errors.ts";
import {
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  TransportError,
} from "#shared/http/client.ts";
import { holdersOf, isUsable } from "../scheduler/workers.ts";
import type { State } from "../scheduler/state.ts";

/**
 * Refuses a prompt that the model's context cannot hold, if a ready worker can count its tokens. Of several
 * workers the one with the largest context counts, since the job will go to one that is large enough.
 *
 * A token is at least one byte of text, so a prompt with fewer bytes than the context has tokens
 * needs no counting, and most prompts cost nothing here.
 *
 * @param tokensAtMost Upper bound of the prompt's tokens.
 * @param limit Most tokens that the request may have; undefined: as many as the worker's context.
 * @returns true if the worker was lost while it counted: the prompt may be the reason
 * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
 */
export async function checkPromptFits(
  task: TaskRequest,
  tokensAtMost: number,
  fingerprint: string,
  state: Readonly<State>,
  how: Pick<ClientOptions, "timeoutMs" | "http">,
  limit = Infinity,
): Promise<boolean> {
  const [worker] = [...holdersOf(state, fingerprint)]
    .filter((each) => isUsable(state, each))
    .map(({ report }) => report)
    .sort((a, b) => b.context - a.context);
  if (worker?.uri === undefined) return false;

  const context = Math.min(worker.context, limit);
  if (tokensAtMost < context) return false;
  const client = createClient({ baseUrl: worker.uri, token: worker.token, ...how });
  const count = await countTokens(task, client);
  if (count === undefined || count < context) return count === undefined;
  throw overflow(count, context);
}

/** The error for a prompt that is too long. */
export function overflow(tokens: number, context: number): LlorchError {
  return new LlorchError(
    "CONTEXT_LENGTH_EXCEEDED",
    `The prompt has ${tokens} tokens and the model's context holds ${context}`,
    { details: { prompt_tokens: tokens, context } },
  );
}

/** The fields of a request that its prompt's tokens depend on. */
type Prompt = Pick<
  TaskRequest,
  | "prompt"
  | "prompt_tokens"
  | "suffix"
  | "special"
  | "messages"
  | "tools"
  | "tool_choice"
  | "reasoning_effort"
  | "chat_template_kwargs"
  | "continue_final_message"
>;

/**
 * Counts a prompt's tokens on a worker.
 *
 * @returns the number of tokens; 0 if it is not known yet; undefined if the worker was lost meanwhile
 */
export async function countTokens(
  request: Prompt,
  worker: Pick<Client, "call">,
  options?: CallOptions,
): Promise<number | undefined> {
  if (request.prompt_tokens !== undefined) return request.prompt_tokens.length;
  try {
    const body = promptOf(request);
    return (await worker.call(workerRoutes.tokenize, { body }, options)).count;
  } catch (error) {
    if (error instanceof LlorchError && error.code === "CONTEXT_LENGTH_EXCEEDED") throw error;
    if (error instanceof TransportError) return undefined;
    // Count as 0 for now: the worker that runs the job counts the tokens again.
    if (error instanceof LlorchError) return 0;
    throw error;
  }
}

function promptOf(task: Prompt): RouteCall<typeof workerRoutes.tokenize>["body"] {
  const { prompt, suffix, special, messages } = task;
  if (!messages) return defined({ prompt, suffix, special });
  const { reasoning_effort, chat_template_kwargs, continue_final_message } = task;
  return {
    // Only a server knows how many tokens an image has.
    messages: messages.map((message) => ({ ...message, content: textOf(message.content) })),
    tools: [...offeredTools(task)],
    ...defined({ reasoning_effort, chat_template_kwargs, continue_final_message }),
  };
}
