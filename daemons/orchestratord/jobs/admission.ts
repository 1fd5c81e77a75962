import {
  offeredTools,
  type RouteCall,
  type TaskRequest,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import { LlorchError } from "#shared/errors.ts";
import { type ClientOptions, createClient, TransportError } from "#shared/http/client.ts";
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
 * @returns true if the worker was lost while it counted: the prompt may be the reason
 * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
 */
export async function checkPromptFits(
  task: TaskRequest,
  tokensAtMost: number,
  fingerprint: string,
  state: Readonly<State>,
  how: Pick<ClientOptions, "timeoutMs" | "http">,
): Promise<boolean> {
  const [worker] = [...holdersOf(state, fingerprint)]
    .filter((each) => isUsable(state, each))
    .map(({ report }) => report)
    .sort((a, b) => b.context - a.context);
  if (worker?.uri === undefined) return false;

  const count = task.prompt_tokens?.length ?? (
    tokensAtMost < worker.context ? 0 : await countTokens(task, worker.uri, worker.token, how)
  );
  if (count === undefined || count < worker.context) return count === undefined;
  throw new LlorchError(
    "CONTEXT_LENGTH_EXCEEDED",
    `The prompt has ${count} tokens and the model's context holds ${worker.context}`,
    { details: { prompt_tokens: count, context: worker.context } },
  );
}

/** @returns the number of tokens; 0 if it is not known yet; undefined if the worker was lost meanwhile */
async function countTokens(
  task: TaskRequest,
  baseUrl: string,
  token: string,
  how: Pick<ClientOptions, "timeoutMs" | "http">,
): Promise<number | undefined> {
  try {
    const { count } = await createClient({ baseUrl, token, ...how }).call(
      workerRoutes.tokenize,
      { body: promptOf(task) },
    );
    return count;
  } catch (error) {
    if (error instanceof LlorchError && error.code === "CONTEXT_LENGTH_EXCEEDED") throw error;
    if (error instanceof TransportError) return undefined;
    // Count as 0 for now: the worker that runs the job counts the tokens again.
    if (error instanceof LlorchError) return 0;
    throw error;
  }
}

/** All of a task that its prompt's tokens depend on. */
function promptOf(task: TaskRequest): RouteCall<typeof workerRoutes.tokenize>["body"] {
  const { prompt, suffix, special, messages } = task;
  if (!messages) return defined({ prompt, suffix, special });
  const { reasoning_effort, chat_template_kwargs, continue_final_message } = task;
  return {
    messages,
    tools: [...offeredTools(task)],
    ...defined({ reasoning_effort, chat_template_kwargs, continue_final_message }),
  };
}
