import { z } from "zod";
import { tool } from "../tools.ts";

/** Most items of a request, and most parts of one. */
const MAX_ITEMS = 4096;

const functionName = tool.shape.function.shape.name;
const callId = z.string().min(1).max(256);

/** Says which part or item it is that is not supported. */
const unknown = (what: string, known: string) => (issue: { readonly input?: unknown }) => {
  const { type } = Object(issue.input) as { type?: unknown };
  if (type === "input_image") return "an image can only be in a message of the user or in a result";
  return typeof type === "string"
    ? `${what} of type ${type.slice(0, 64)} are not supported: use ${known}`
    : `must have a type: ${known}`;
};

const textPart = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["input_text", "output_text", "text"]), text: z.string() }),
  z.object({ type: z.literal("refusal"), refusal: z.string() }),
], { error: unknown("parts", "input_text or output_text") });

/** An image; `detail` is a hint of OpenAI's prices, and is left out. */
const inputImage = z.object({
  type: z.literal("input_image"),
  image_url: z.string({ error: "must be a URL: files cannot be images" })
    .regex(/^(?:data:|https?:\/\/)/i, "must be a data: or http(s) URL"),
});

const shownPart = z.discriminatedUnion("type", [...textPart.options, inputImage], {
  error: unknown("parts", "input_text, output_text or input_image"),
});

/** A text, or parts of one. */
const content = z.union([z.string(), z.array(textPart).max(MAX_ITEMS)]);

/** A text, or texts and images. */
const shown = z.union([z.string(), z.array(shownPart).max(MAX_ITEMS)]);

/** A part of a message or a result. */
export type ShownPart = z.output<typeof shownPart>;

const message = z.discriminatedUnion("role", [
  z.object({
    type: z.literal("message"),
    id: z.string().nullish(),
    role: z.literal("user"),
    content: shown,
  }),
  z.object({
    type: z.literal("message"),
    id: z.string().nullish(),
    role: z.enum(["assistant", "system", "developer"]),
    content,
  }),
]);

const functionCall = z.object({
  type: z.literal("function_call"),
  id: z.string().nullish(),
  call_id: callId,
  name: functionName,
  arguments: z.string(),
});

const customCall = z.object({
  type: z.literal("custom_tool_call"),
  id: z.string().nullish(),
  call_id: callId,
  name: functionName,
  input: z.string(),
});

const result = z.object({
  type: z.enum(["function_call_output", "custom_tool_call_output"]),
  id: z.string().nullish(),
  call_id: callId,
  output: shown,
});

const reasoning = z.object({
  type: z.literal("reasoning"),
  id: z.string().nullish(),
  summary: z.array(z.object({ text: z.string() })).max(MAX_ITEMS).nullish(),
  content: z.array(z.object({ text: z.string() })).max(MAX_ITEMS).nullish(),
});

const reference = z.object({
  type: z.literal("item_reference"),
  id: z.string().min(1).max(256),
});

/** What a tool that runs at OpenAI has done. */
const hostedItem = z.looseObject({
  type: z.enum([
    "web_search_call",
    "file_search_call",
    "image_generation_call",
    "code_interpreter_call",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
  ]),
});

const typedItem = z.discriminatedUnion("type", [
  hostedItem,
  message,
  functionCall,
  customCall,
  result,
  reasoning,
  reference,
], {
  error: unknown(
    "items",
    "message, function_call, function_call_output, reasoning or item_reference",
  ),
});

/** A message may leave out its type. */
const inputItem = z.preprocess(
  (item) =>
    typeof item === "object" && item !== null && "role" in item && !("type" in item && item.type)
      ? { ...item, type: "message" }
      : item,
  typedItem,
).meta({ id: "ResponsesInputItem" });

/** An item of a conversation, as clients send it. */
export type InputItem = z.output<typeof typedItem>;

/** An item that a tool at OpenAI has made, as its tools are: skipped. */
export type HostedItem = z.output<typeof hostedItem>;

/** Whether an item is one of a tool that runs at OpenAI. */
export function isHosted(item: InputItem): item is HostedItem {
  return (hostedItem.shape.type.options as readonly string[]).includes(item.type);
}

/** What a request asks: a text, or a conversation. */
export const responsesInput = z.union([z.string(), z.array(inputItem).max(MAX_ITEMS)]);

const status = z.enum(["in_progress", "completed", "incomplete"]);

const logprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().int()).nullable(),
});

/** A token's probability, with those of the most probable others. */
const textLogprob = logprob.extend({ top_logprobs: z.array(logprob) });

/** Text of an answer. */
export const outputText = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.string()).length(0),
  logprobs: z.array(textLogprob),
});

/** Text of a thought. */
export const reasoningText = z.object({ type: z.literal("reasoning_text"), text: z.string() });

/** An item of an answer. */
export const outputItem = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message"),
    id: z.string(),
    status,
    role: z.literal("assistant"),
    content: z.array(outputText),
  }),
  z.object({
    type: z.literal("reasoning"),
    id: z.string(),
    status,
    summary: z.array(z.string()).length(0),
    content: z.array(reasoningText),
  }),
  z.object({
    type: z.literal("function_call"),
    id: z.string(),
    status,
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
]).meta({ id: "ResponsesOutputItem" });

/** An item of an answer. */
export type OutputItem = z.output<typeof outputItem>;

/** Probabilities of a text's tokens. */
export type TextLogprobs = z.output<typeof outputText>["logprobs"];
