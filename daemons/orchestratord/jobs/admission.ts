import { offeredTools, type TaskRequest, workerRoutes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { type ClientOptions, createClient, TransportError } from "#shared/http/client.ts";
import { holdersOf, isUsable } from "../scheduler/workers.ts";
import type { State } from "../scheduler/state.ts";

/** Tokens that a chat template may add to its messages; beyond it the worker counts exactly. */
const TEMPLATE_SLACK = 256;

/**
 * Refuses a prompt that the model's context cannot hold, where a ready worker can count it.
 *
 * A token is at least one byte of text, so a prompt with fewer bytes than the context has tokens
 * needs no counting, and most prompts cost nothing here.
 *
 * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
 */
export async function checkPromptFits(
  task: TaskRequest,
  fingerprint: string,
  state: Readonly<State>,
  how: Pick<ClientOptions, "timeoutMs" | "http">,
): Promise<void> {
  const usable = [...holdersOf(state, fingerprint)].find((worker) => isUsable(state, worker));
  const worker = usable?.report;
  if (worker?.uri === undefined) return;

  const count = task.prompt_tokens?.length ?? (
    atMost(task) < worker.context ? 0 : await countTokens(task, worker.uri, worker.token, how)
  );
  if (count < worker.context) return;
  throw new LlorchError(
    "CONTEXT_LENGTH_EXCEEDED",
    `The prompt has ${count} tokens and the model's context holds ${worker.context}`,
    { details: { tokens: count, context: worker.context } },
  );
}

function atMost(task: TaskRequest): number {
  const encoder = new TextEncoder();
  if (task.prompt !== undefined) return encoder.encode(task.prompt).length + TEMPLATE_SLACK;
  // Templates may write tools and calls with more white space than we do.
  const tools = offeredTools(task);
  const described = tools.length > 0 ? 512 + 2 * encoder.encode(JSON.stringify(tools)).length : 0;
  return (task.messages ?? []).reduce((sum, message) => {
    const calls = message.role === "assistant" ? message.tool_calls ?? [] : [];
    const written = 2 * encoder.encode(calls.length > 0 ? JSON.stringify(calls) : "").length;
    return sum + encoder.encode(message.content).length + written + 16;
  }, TEMPLATE_SLACK + described);
}

async function countTokens(
  task: TaskRequest,
  baseUrl: string,
  token: string,
  how: Pick<ClientOptions, "timeoutMs" | "http">,
): Promise<number> {
  try {
    const { count } = await createClient({ baseUrl, token, ...how }).call(
      workerRoutes.tokenize,
      {
        body: task.messages
          ? { messages: task.messages, tools: [...offeredTools(task)] }
          : { prompt: task.prompt },
      },
    );
    return count;
  } catch (error) {
    if (error instanceof LlorchError && error.code === "CONTEXT_LENGTH_EXCEEDED") throw error;
    // The worker just went away: whoever runs the job will count.
    if (error instanceof TransportError || error instanceof LlorchError) return 0;
    throw error;
  }
}
