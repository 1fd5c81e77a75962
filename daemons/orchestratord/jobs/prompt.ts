/**
 * A request in two parts: its prompt, which may be long and which only workers read, and everything else.
 *
 * @module
 */
import type { TaskRequest } from "#shared/contracts/mod.ts";

/** What a worker reads: a prompt, its tokens, or messages. */
export type Prompt = Pick<TaskRequest, "prompt" | "prompt_tokens" | "messages">;

/** A task without its prompt. */
export type PromptlessTask = Omit<TaskRequest, keyof Prompt>;

/** A shorter prompt is not worth a read from the store, in bytes. */
const SHORT = 2_048;

/** Bytes of a token id in memory. */
const TOKEN_BYTES = 8;

/** Takes a request apart. */
export function partsOf(
  { prompt, prompt_tokens, messages, ...rest }: TaskRequest,
): { readonly prompt: Prompt; readonly rest: PromptlessTask } {
  return { prompt: { prompt, prompt_tokens, messages }, rest };
}

/** Whether a prompt is long enough to be read from the store when it is needed. */
export function isLong({ prompt = "", prompt_tokens = [], messages = [] }: Prompt): boolean {
  if (prompt.length + prompt_tokens.length * TOKEN_BYTES > SHORT) return true;
  let bytes = 0;
  for (const { content } of messages) {
    bytes += typeof content === "string" ? content.length : JSON.stringify(content).length;
    if (bytes > SHORT) return true;
  }
  return false;
}
