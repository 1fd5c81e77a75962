import { isRecord } from "../../json.ts";
import { z } from "zod";
import {
  always,
  checkHeld,
  openaiHead,
  openaiShape,
  openaiUsage,
  refuse,
  timings,
  type Unsupported,
} from "./common.ts";
import { anyLimit, UNHELD } from "./lenient.ts";
import { anyToolChoice, ownTools } from "./tool_choice.ts";
import { chatShape, checkChatFields } from "../chat_fields.ts";
import { assistantShape, messageText, resultShape } from "../messages.ts";
import { ALWAYS, optionalModelName, requestShape } from "../request.ts";
import { checkTools, toolCall, toolShape } from "../tools.ts";

const chatMessage = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer", "user"]), content: messageText }),
  z.object({
    role: z.literal("assistant"),
    ...assistantShape,
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
};

/** vLLM's way to say that no new turn begins. */
const noNewTurn = { add_generation_prompt: (value: unknown) => value === true };

/** Checks fields under OpenAI's names, so that errors name what the client wrote. */
function checkChat(body: Record<string, unknown>, context: z.RefinementCtx): void {
  if (Number(body["top_logprobs"] ?? 0) > 0 && body["logprobs"] !== true) {
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
  const { enable_thinking: thinks, chat_template_kwargs: kwargs } = body;
  if (typeof thinks === "boolean" && isRecord(kwargs)) {
    const message = "belongs into chat_template_kwargs, which is given, too";
    context.addIssue({ code: "custom", path: ["enable_thinking"], message });
  }
  if (body["continue_final_message"] !== true) refuse(noNewTurn)(body, context);
  checkHeld(body, context);
  checkTools({ ...body, ...toolsOf(body), messages: [] }, context);
  checkChatFields({ ...body, messages: body["messages"] ?? [] }, context);
}

/** The tools of a request of which any part may be wrong. */
function toolsOf({ tools, tool_choice }: Record<string, unknown>) {
  const choice = anyToolChoice.safeParse(tool_choice);
  return ownTools(Array.isArray(tools) ? tools : [], choice.data);
}

const { reasoning_effort, reasoning_budget_tokens, chat_template_kwargs, continue_final_message } =
  chatShape;

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
  reasoning_format: z.enum(["auto", "deepseek", "none"]).nullish().meta({
    description: "auto (default) or deepseek: thoughts are in reasoning_content; none: they stay " +
      "in content as the model writes them",
  }),
  reasoning_budget_tokens: reasoning_budget_tokens.nullable(),
  thinking_budget_tokens: reasoning_budget_tokens.nullable()
    .meta({ description: "The same as reasoning_budget_tokens" }),
  chat_template_kwargs: chat_template_kwargs.nullable(),
  enable_thinking: z.boolean().nullish()
    .meta({ description: "Short for chat_template_kwargs with only enable_thinking" }),
  continue_final_message: continue_final_message.nullable(),
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
}).meta({ id: "ChatChunk" });

/** An event of a streamed chat completion. */
export type ChatChunk = z.output<typeof chatChunk>;
