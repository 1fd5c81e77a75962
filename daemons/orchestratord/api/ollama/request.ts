import {
  type Content,
  contentOf,
  givenSampling,
  imageIn,
  type Message,
  type OllamaChatRequest,
  type OllamaGenerateRequest,
  type OllamaMessage,
  type OllamaOptions,
  SAMPLING_OPTIONS,
  type TaskRequest,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import { invalidRequest } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import { type FieldNames, withLongest } from "../dialect/field_names.ts";
import { type NameSettings, toTask } from "../dialect/task.ts";

type AnyRequest = OllamaChatRequest | OllamaGenerateRequest;

/** Converts a chat to its task; undefined if it only loads the model. */
export function chatTask(
  body: OllamaChatRequest,
  settings?: NameSettings,
): TaskRequest | undefined {
  const { messages, tools } = body;
  if (!messages?.length) return undefined;
  return toTask({
    ...sharedFields(body),
    ...thinkField(body.think),
    messages: toMessages(messages),
    ...(tools?.length ? { tools } : {}),
  }, settings);
}

/** Converts a request to generate to its task; undefined if it only loads the model. */
export function generateTask(
  body: OllamaGenerateRequest,
  settings?: NameSettings,
): TaskRequest | undefined {
  const { prompt, suffix, raw, system } = body;
  if (body.images?.length && (suffix || raw)) {
    const message = `cannot be given with ${suffix ? "a suffix" : "raw"}`;
    throw invalidRequest([{ field: "images", message }]);
  }
  if (suffix) return toTask({ ...sharedFields(body), prompt: prompt ?? "", suffix }, settings);
  if (!prompt) return undefined;
  if (raw) return toTask({ ...sharedFields(body), prompt, special: true }, settings);
  const first: Message[] = system ? [{ role: "system", content: system }] : [];
  return toTask({
    ...sharedFields(body),
    ...thinkField(body.think),
    messages: [...first, { role: "user", content: shown(prompt, body.images) }],
  }, settings);
}

/** What Ollama's requests call the fields of tasks. */
const SHARED_NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SAMPLING_OPTIONS.map((name) => [name, `options.${name}`])),
  ...Object.fromEntries(
    ["temperature", "top_k", "top_p", "min_p", "presence_penalty", "frequency_penalty", "seed"]
      .map((name) => [name, `options.${name}`]),
  ),
  max_tokens: "options.num_predict",
  repetition_penalty: "options.repeat_penalty",
  stop: "options.stop",
  json_schema: "format",
  reasoning_effort: "think",
  chat_template_kwargs: "think",
};

/** The same in chats. */
export const CHAT_NAMES: FieldNames = { ...SHARED_NAMES, prompt: "messages" };

/** The same in requests to generate, whose prompt may become a chat. */
export function generateNames(
  { prompt, system }: Pick<OllamaGenerateRequest, "prompt" | "system">,
): FieldNames {
  return withLongest({ ...SHARED_NAMES, messages: "prompt" }, { prompt, system });
}

function sharedFields(body: AnyRequest): Partial<TaskRequestInput> {
  return { model: body.model, ...schemaField(body.format), ...samplingFields(body.options ?? {}) };
}

function schemaField(format: AnyRequest["format"]): Partial<TaskRequestInput> {
  if (!format) return {};
  return { json_schema: format === "json" ? { type: "object" } : format };
}

function thinkField(think: AnyRequest["think"]): Partial<TaskRequestInput> {
  if (think === undefined || think === null) return {};
  if (typeof think === "string") return { reasoning_effort: think };
  return think ? { chat_template_kwargs: { enable_thinking: true } } : { reasoning_effort: "none" };
}

function samplingFields(options: OllamaOptions): Partial<TaskRequestInput> {
  const { num_predict: most, top_k, seed, stop } = options;
  return {
    ...givenSampling(options),
    ...defined({
      // A job generates a token at least.
      max_tokens: most == null || most < 0 ? undefined : Math.max(1, most),
      temperature: options.temperature ?? undefined,
      top_k,
      top_p: options.top_p ?? undefined,
      min_p: options.min_p ?? undefined,
      repetition_penalty: options.repeat_penalty ?? undefined,
      presence_penalty: options.presence_penalty ?? undefined,
      frequency_penalty: options.frequency_penalty ?? undefined,
      seed: seed == null || seed < 0 ? undefined : seed >>> 0,
      stop: stopOf(stop),
    }),
  };
}

function stopOf(stop: OllamaOptions["stop"]): string[] | undefined {
  if (!stop) return undefined;
  return typeof stop === "string" ? [stop] : stop;
}

/**
 * Messages with ids: Ollama's calls may have none, and its results name only the function. A result
 * belongs to the oldest call of its function that has none yet.
 */
function toMessages(given: readonly OllamaMessage[]): Message[] {
  let calls = 0;
  const open: { id: string; name: string }[] = [];
  const takeOpen = (name: string | null | undefined): string | undefined => {
    const index = name == null ? 0 : open.findIndex((each) => each.name === name);
    return index === -1 ? undefined : open.splice(index, 1)[0]?.id;
  };
  return given.map((message, index): Message => {
    const { role, thinking, tool_calls, tool_name, tool_call_id } = message;
    const text = message.content ?? "";
    const content = shown(text, message.images);
    if (role === "tool") {
      return { role, content, ...defined({ tool_call_id: tool_call_id || takeOpen(tool_name) }) };
    }
    if (role === "user") return { role, content };
    if (message.images?.length) {
      const message = "an image can only be in a message of the user or of a tool";
      throw invalidRequest([{ field: `messages.${index}.images`, message }]);
    }
    if (role === "system") return { role, content: text };
    const made = (tool_calls ?? []).map(({ id: itsId, function: { name, arguments: args } }) => {
      const id = itsId || `call${calls++}`;
      open.push({ id, name });
      const text = typeof args === "string" ? args : JSON.stringify(args ?? {});
      return { id, type: "function" as const, function: { name, arguments: text } };
    });
    return {
      role,
      content: text,
      ...(thinking ? { reasoning_content: thinking } : {}),
      ...(made.length > 0 ? { tool_calls: made } : {}),
    };
  });
}

/** A text with its images before it, as Ollama shows them to the model. */
function shown(text: string, given: OllamaMessage["images"]): Content {
  const images = (given ?? []).map(imageIn);
  return contentOf(text === "" ? images : [...images, { type: "text", text }]);
}
