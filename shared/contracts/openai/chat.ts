import { isRecord } from "../../json.ts";
import { z } from "zod";
import {
  checkHeld,
  openaiHead,
  openaiShape,
  openaiUsage,
  promptProgress,
  timings,
} from "./common.ts";
import { anyLimit, UNHELD } from "./lenient.ts";
import { anyToolChoice, ownTools } from "./tool_choice.ts";
import { always, is, refuse, type Unsupported } from "./unsupported.ts";
import { chatShape, checkChatFields } from "../chat_fields.ts";
import { assistantShape, messageContent, messageText, resultShape } from "../messages.ts";
import { ALWAYS, optionalModelName, requestShape } from "../request.ts";
import { checkTools, toolCall, toolShape } from "../tools.ts";

/** Parts that assistants of other vendors write: a refusal is text, and thoughts are skipped. */
const assistantPart = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("refusal"), refusal: z.string() }),
  z.looseObject({ type: z.enum(["thinking", "redacted_thinking", "reasoning"]) }),
], {
  error: ({ input }) => {
    const { type } = Object(input) as { type?: unknown };
    return typeof type === "string"
      ? `parts of type ${type.slice(0, 64)} are not supported in a message of the assistant`
      : "must be a part of type text";
  },
});

function textParts(parts: readonly z.output<typeof assistantPart>[]) {
  return parts.flatMap((part) => {
    if (part.type === "text") return [{ type: part.type, text: part.text }];
    return part.type === "refusal" ? [{ type: "text" as const, text: part.refusal }] : [];
  });
}

const assistantText = z.union(
  [z.string(), z.array(assistantPart).transform(textParts), z.null()],
  { error: "must be text, or a list of parts of type text" },
).meta({ description: "A text or its parts, each of which gets a line; null: empty" });

const chatMessage = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer"]), content: messageText }),
  z.object({ role: z.literal("user"), content: messageContent }),
  z.object({
    role: z.literal("assistant"),
    ...assistantShape,
    content: assistantText.optional(),
    reasoning: z.string().nullish()
      .meta({ description: "The same as reasoning_content, as vLLM names it" }),
  }),
  z.object({ role: z.literal("tool"), ...resultShape }),
]);

const UNSUPPORTED: Unsupported = {
  functions: always,
  function_call: always,
  ...UNHELD,
  audio: always,
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === "text",
  web_search_options: always,
  include_reasoning: is(true),
  reasoning_budget_message: is(""),
  echo: is(false),
  parse_tool_calls: is(true),
};

/** Whether a request ends with a message that can be continued, and asks for no new turn instead. */
function continues({ messages, continue_final_message: wanted }: Record<string, unknown>): boolean {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  if (!isRecord(last) || last["role"] !== "assistant" || wanted === false) return false;
  return !Array.isArray(last["tool_calls"]) || last["tool_calls"].length === 0;
}

/** Refuses what llama-server says of the last message and that does not fit it. */
function checkContinued(body: Record<string, unknown>, context: z.RefinementCtx): void {
  const { add_generation_prompt: begins, continue_final_message: wanted, messages } = body;
  const issue = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (begins !== undefined && begins !== null && begins !== true) {
    if (begins !== false) issue("add_generation_prompt", "must be true or false");
    else if (!continues(body)) {
      issue("add_generation_prompt", "false needs a last message of the assistant to continue");
    }
  }
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  if (!isRecord(last)) return;
  const isEmpty = last["content"] === undefined || last["content"] === null ||
    last["content"] === "";
  const thoughts = last["reasoning_content"] ?? last["reasoning"];
  const field = "continue_final_message";
  if (wanted === "content" && isEmpty && thoughts) {
    issue(field, "content needs a last message with content: its thoughts would be continued");
  }
  if (wanted === "reasoning_content" && (!isEmpty || !thoughts)) {
    issue(field, "reasoning_content needs a last message with reasoning_content and no content");
  }
}

/** Checks fields under OpenAI's names, so that errors name what the client wrote. */
function checkChat(body: Record<string, unknown>, context: z.RefinementCtx): void {
  const { top_logprobs: top } = body;
  if (typeof top === "number" && top > 0 && body["logprobs"] !== true) {
    const message = "needs logprobs: true";
    context.addIssue({ code: "custom", path: ["top_logprobs"], message });
  }
  if (body["post_sampling_probs"] === true && body["logprobs"] !== true) {
    const message = "needs logprobs: true";
    context.addIssue({ code: "custom", path: ["post_sampling_probs"], message });
  }
  const [budget, other] = [body["reasoning_budget_tokens"], body["thinking_budget_tokens"]];
  if (typeof budget === "number" && typeof other === "number" && budget !== other) {
    const message = "is another name of reasoning_budget_tokens: give one of them";
    context.addIssue({ code: "custom", path: ["thinking_budget_tokens"], message });
  }
  checkThinks(body, context);
  checkReasoning(body, context);
  checkContinued(body, context);
  checkHeld(body, context);
  checkTools({ ...body, ...toolsOf(body), messages: [] }, context);
  checkChatFields({
    ...body,
    messages: body["messages"] ?? [],
    continue_final_message: isContinued(body["continue_final_message"]),
  }, context);
}

/** Refuses thinking that is switched in two ways. */
function checkThinks(body: Record<string, unknown>, context: z.RefinementCtx): void {
  const { enable_thinking, think, chat_template_kwargs: kwargs } = body;
  const issue = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  const given = Object.entries({ enable_thinking, think })
    .flatMap(([field, value]) => typeof value === "boolean" ? [field] : []);
  if (given.length === 2 && enable_thinking !== think) {
    issue("think", "is another name of enable_thinking: give one of them");
  }
  if (!isRecord(kwargs)) return;
  for (const field of given) {
    issue(field, "belongs into chat_template_kwargs, which is given, too");
  }
}

/** Refuses thinking that is set twice, in two ways. */
function checkReasoning(body: Record<string, unknown>, context: z.RefinementCtx): void {
  const { reasoning } = body;
  if (!isRecord(reasoning)) return;
  const issue = (path: string[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  const others = {
    effort: "reasoning_effort",
    enabled: "reasoning_effort",
    max_tokens: "reasoning_budget_tokens",
  };
  for (const [name, other] of Object.entries(others)) {
    if (reasoning[name] == null || body[other] == null) continue;
    issue(["reasoning", name], `is given beside ${other}: give one of them`);
  }
  if (reasoning["exclude"] === true) issue(["reasoning", "exclude"], "is not supported");
}

/** Whether the last message is continued, in any of the ways to say it. */
export function isContinued<T>(value: T): T | true {
  return value === "content" || value === "reasoning_content" ? true : value;
}

/** The tools of a request of which any part may be wrong. */
function toolsOf({ tools, tool_choice }: Record<string, unknown>) {
  const choice = tool_choice === undefined ? undefined : anyToolChoice.safeParse(tool_choice).data;
  return ownTools(Array.isArray(tools) ? tools : [], choice);
}

const { reasoning_effort, chat_template_kwargs } = chatShape;

const budget = z.number().int().min(-1).max(1_000_000).nullish()
  .meta({ description: "Most tokens of thinking; -1: no limit" });

/** Body of `POST /v1/chat/completions`. */
export const chatRequest = z.looseObject({
  model: optionalModelName,
  messages: z.array(chatMessage).min(1).max(4096),
  ...openaiShape,
  max_completion_tokens: anyLimit,
  tools: toolShape.tools.nullable(),
  tool_choice: anyToolChoice.nullish(),
  parallel_tool_calls: toolShape.parallel_tool_calls.nullable(),
  reasoning_effort: reasoning_effort.nullable(),
  reasoning: z.looseObject({
    effort: reasoning_effort.nullable(),
    enabled: z.boolean().nullish(),
    max_tokens: budget,
  }).nullish().meta({ description: "As OpenRouter has it: effort, enabled or max_tokens" }),
  reasoning_format: z.enum(["auto", "deepseek", "deepseek-legacy", "none"]).nullish().meta({
    description: "auto (default), deepseek or deepseek-legacy: thoughts are in " +
      "reasoning_content; none: they stay in content as the model writes them",
  }),
  reasoning_budget_tokens: budget,
  thinking_budget_tokens: budget.meta({ description: "The same as reasoning_budget_tokens" }),
  chat_template_kwargs: chat_template_kwargs.nullable(),
  enable_thinking: z.boolean().nullish()
    .meta({ description: "Short for chat_template_kwargs with only enable_thinking" }),
  think: z.boolean().nullish().meta({ description: "The same as enable_thinking" }),
  continue_final_message: z.union([z.boolean(), z.enum(["content", "reasoning_content"])], {
    error: "must be true, false, content or reasoning_content",
  }).nullish().meta({
    description: "The last message, the assistant's, is continued: in its text or its thoughts, " +
      "or with true in what it ends with. Default: true if the last message is the assistant's text",
  }),
  logprobs: z.boolean().nullish(),
  top_logprobs: requestShape.logprobs.nullable(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).superRefine(checkChat, ALWAYS).meta({
  id: "ChatRequest",
});

/** A validated chat request. */
export type ChatRequest = z.output<typeof chatRequest>;

const finishReason = z.enum(["stop", "length", "tool_calls"]);

const tokenLogprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().int()).nullable()
    .meta({
      description: "The token's UTF-8, which may be a part of a character; null if that is unknown",
    }),
});

const chatLogprobs = z.object({
  content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })),
  refusal: z.null(),
}).nullable().meta({ id: "ChatLogprobs" });

/** Probabilities of tokens in a chat. */
export type ChatLogprobs = z.output<typeof chatLogprobs>;

/** Reply of `POST /v1/chat/completions` that is not streamed. */
export const chatCompletion = z.object({
  ...openaiHead,
  object: z.literal("chat.completion"),
  choices: z.array(z.object({
    index: z.number().int(),
    message: z.object({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      reasoning_content: z.string().optional()
        .meta({ description: "The model's thinking; absent if it did not think" }),
      refusal: z.null(),
      tool_calls: z.array(toolCall).optional(),
    }),
    logprobs: chatLogprobs,
    finish_reason: finishReason,
  })),
  usage: openaiUsage,
  timings: timings.optional(),
}).meta({ id: "ChatCompletion" });

/** A chat completion that is not streamed. */
export type ChatCompletion = z.output<typeof chatCompletion>;

/** A part of a call: id, type and name come first, then the arguments as they grow. */
const callDelta = z.object({
  index: z.number().int(),
  id: z.string().optional(),
  type: z.literal("function").optional(),
  function: z.object({ name: z.string().optional(), arguments: z.string() }),
}).meta({ id: "ToolCallDelta" });

/** An event of a streamed chat completion. */
export const chatChunk = z.object({
  ...openaiHead,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(z.object({
    index: z.number().int(),
    delta: z.object({
      role: z.literal("assistant").optional(),
      content: z.string().optional(),
      reasoning_content: z.string().optional(),
      tool_calls: z.array(callDelta).optional(),
    }),
    logprobs: chatLogprobs,
    finish_reason: finishReason.nullable(),
  })),
  usage: openaiUsage.nullable().optional(),
  timings: timings.optional(),
  prompt_progress: promptProgress.optional(),
}).meta({ id: "ChatChunk" });

/** An event of a streamed chat completion. */
export type ChatChunk = z.output<typeof chatChunk>;
