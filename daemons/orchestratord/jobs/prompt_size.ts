import { offeredTools, type TaskRequest } from "#shared/contracts/mod.ts";

/** Tokens that a chat template may add to its messages, at most. */
const TEMPLATE_SLACK = 256;

/** The most tokens that a task's prompt can have: a token is at least one byte of text. */
export function tokensAtMost(task: TaskRequest): number {
  if (task.prompt_tokens !== undefined) return task.prompt_tokens.length;
  const encoder = new TextEncoder();
  if (task.prompt !== undefined) return encoder.encode(task.prompt).length + TEMPLATE_SLACK;
  // Templates may write tools and calls with more white space than JSON.stringify() does.
  const tools = offeredTools(task);
  const described = tools.length > 0 ? 512 + 2 * encoder.encode(JSON.stringify(tools)).length : 0;
  return (task.messages ?? []).reduce((sum, message) => {
    const calls = message.role === "assistant" ? message.tool_calls ?? [] : [];
    const written = 2 * encoder.encode(calls.length > 0 ? JSON.stringify(calls) : "").length;
    return sum + encoder.encode(message.content).length + written + 16;
  }, TEMPLATE_SLACK + described);
}
