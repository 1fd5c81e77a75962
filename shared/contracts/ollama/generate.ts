import { z } from "zod";
import { noTemplate } from "../chat_fields.ts";
import { refuse, type Unsupported } from "../openai/unsupported.ts";
import { modelName } from "../common.ts";
import { ALWAYS, EXACT_FIELDS, requestShape } from "../request.ts";
import { tool, toolShape } from "../tools.ts";
import { keepAlive, ollamaFormat, ollamaOptions, think } from "./options.ts";

const images = z.array(z.string()).max(4096).nullish().meta({ description: "Images in base64" });

const functionName = tool.shape.function.shape.name;

const message = z.looseObject({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content: z.string().nullish(),
  thinking: z.string().nullish(),
  images,
  tool_calls: z.array(z.looseObject({
    id: z.string().max(256).nullish(),
    function: z.looseObject({
      name: functionName,
      arguments: z.union([z.record(z.string(), z.unknown()), z.string()], {
        error: "must be an object",
      }).nullish(),
    }),
  })).nullish(),
  tool_name: z.string().nullish(),
  tool_call_id: z.string().max(256).nullish(),
}).meta({ id: "OllamaMessage" });

/** A message of a chat in Ollama's shape. */
export type OllamaMessage = z.output<typeof message>;

/** Fields that both kinds of request have. */
const shared = {
  model: modelName,
  stream: z.boolean().nullish().meta({ description: "Default: true" }),
  format: ollamaFormat.nullish(),
  options: ollamaOptions.nullish(),
  keep_alive: keepAlive.nullish(),
  think: think.nullish(),
  chat_template: noTemplate.nullable(),
};

/** Names of fields that hold JSON of the client's own, in which numbers keep their digits. */
export const OLLAMA_EXACT_FIELDS = [...EXACT_FIELDS, "format", "arguments"];

/** Fields that no kind of request has; without `logprobs`, `top_logprobs` asks for nothing. */
const NOWHERE: Unsupported = { logprobs: (value) => value === false };

/** Body of `POST /api/chat`. Without messages, it only loads the model. */
export const ollamaChatRequest = z.looseObject({
  ...shared,
  messages: z.array(message).max(4096).nullish(),
  tools: toolShape.tools.nullable(),
}).superRefine(refuse(NOWHERE), ALWAYS).meta({ id: "OllamaChatRequest" });

/** A validated chat. */
export type OllamaChatRequest = z.output<typeof ollamaChatRequest>;

const isEmpty = (value: unknown) => value === "" || Array.isArray(value) && value.length === 0;

const UNSUPPORTED: Unsupported = {
  ...NOWHERE,
  template: isEmpty,
  context: isEmpty,
};

/** Body of `POST /api/generate`. Without a prompt, it only loads the model. */
export const ollamaGenerateRequest = z.looseObject({
  ...shared,
  prompt: z.string().nullish(),
  suffix: requestShape.suffix.nullable(),
  system: z.string().nullish(),
  images,
  raw: z.boolean().nullish().meta({ description: "true: without the model's chat template" }),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).meta({ id: "OllamaGenerateRequest" });

/** A validated request to generate. */
export type OllamaGenerateRequest = z.output<typeof ollamaGenerateRequest>;

const nanoseconds = z.number().int().min(0);
const count = z.number().int().min(0);

/** Fields of the last line of an answer. */
const ended = {
  done_reason: z.enum(["stop", "length", "load", "unload"]).optional(),
  total_duration: nanoseconds.optional(),
  load_duration: nanoseconds.optional()
    .meta({ description: "Waiting in the queue and for the model to be loaded" }),
  prompt_eval_count: count.optional().meta({ description: "Tokens of the prompt" }),
  prompt_eval_duration: nanoseconds.optional(),
  eval_count: count.optional().meta({ description: "Tokens generated" }),
  eval_duration: nanoseconds.optional(),
};

const head = {
  model: z.string(),
  created_at: z.iso.datetime(),
  done: z.boolean(),
  ...ended,
};

/** A line of a streamed chat, and the whole answer. */
export const ollamaChatReply = z.object({
  ...head,
  message: z.object({
    role: z.literal("assistant"),
    content: z.string(),
    thinking: z.string().optional(),
    tool_calls: z.array(z.object({
      id: z.string(),
      function: z.object({
        index: count,
        name: z.string(),
        arguments: z.record(z.string(), z.unknown()),
      }),
    })).optional(),
  }),
}).meta({ id: "OllamaChat" });

/** A line of a streamed chat, and the whole answer. */
export type OllamaChatReply = z.output<typeof ollamaChatReply>;

/** A line of a streamed text, and the whole answer. */
export const ollamaGenerateReply = z.object({
  ...head,
  response: z.string(),
  thinking: z.string().optional(),
}).meta({ id: "OllamaGenerate" });

/** A line of a streamed text, and the whole answer. */
export type OllamaGenerateReply = z.output<typeof ollamaGenerateReply>;

/** How an answer ended, and what it took. */
export type OllamaEnded = z.output<z.ZodObject<typeof ended>>;
