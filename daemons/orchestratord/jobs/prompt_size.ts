import { offeredTools, type TaskRequest, textOf } from "#shared/contracts/mod.ts";
import { utf8Length } from "#shared/utf8.ts";

/** Tokens that a chat template may add to its messages, at most. */
const TEMPLATE_SLACK = 256;

/** The most tokens that a task's texts can have: a token is at least one byte. Images do not count. */
export function tokensAtMost(task: TaskRequest): number {
  if (task.prompt_tokens !== undefined) return task.prompt_tokens.length;
  if (task.prompt !== undefined) {
    // Files are cut to fit.
    return utf8Length(task.prompt + (task.suffix ?? "")) + TEMPLATE_SLACK;
  }
  // Templates may write tools and calls with more white space than JSON.stringify() does.
  const tools = offeredTools(task);
  const described = tools.length > 0 ? 512 + 2 * utf8Length(JSON.stringify(tools)) : 0;
  // Templates write variables such as documents into the prompt.
  const kwargs = task.chat_template_kwargs;
  const extra = kwargs === undefined ? 0 : 2 * utf8Length(JSON.stringify(kwargs));
  return (task.messages ?? []).reduce((sum, message) => {
    const { tool_calls: calls = [], reasoning_content: thoughts = "" } =
      message.role === "assistant" ? message : {};
    const written = 2 * utf8Length(calls.length > 0 ? JSON.stringify(calls) : "");
    return sum + utf8Length(thoughts + textOf(message.content)) + written + 16;
  }, TEMPLATE_SLACK + described + extra);
}
