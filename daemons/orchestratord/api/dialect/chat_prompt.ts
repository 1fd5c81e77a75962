import {
  offeredTools,
  type RouteCall,
  type TaskRequest,
  type workerRoutes,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";

/** The fields of a task of a chat from which a worker makes its prompt. */
export function chatPrompt(task: TaskRequest): RouteCall<typeof workerRoutes.tokenize>["body"] {
  const { messages, reasoning_effort, chat_template_kwargs, continue_final_message } = task;
  const tools = offeredTools(task);
  return defined({
    messages,
    tools: tools.length > 0 ? [...tools] : undefined,
    reasoning_effort,
    chat_template_kwargs,
    continue_final_message,
  });
}
