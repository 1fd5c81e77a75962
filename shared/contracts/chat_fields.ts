import { z } from "zod";
import { isExactNumber } from "../exact_json.ts";
import { isRecord } from "../json.ts";

/** Most bytes of `chat_template_kwargs` as JSON. */
const MAX_KWARGS_BYTES = 16 * 1024;

/** Most levels of objects and lists in `chat_template_kwargs`, itself included. */
const MAX_KWARGS_DEPTH = 8;

/** Inputs of a chat template that are made from other fields or from the model. */
const OURS: ReadonlySet<string> = new Set([
  "messages",
  "tools",
  "xml_tools",
  "available_tools",
  "functions",
  "chat_template",
  "add_generation_prompt",
  "continue_final_message",
  "bos_token",
  "eos_token",
  "pad_token",
  "unk_token",
  "sep_token",
  "cls_token",
  "mask_token",
  "additional_special_tokens",
  "tokenize",
  "return_dict",
  "datetime",
]);

/** Functions that chat templates call, of Jinja2 and of transformers. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  "range",
  "dict",
  "lipsum",
  "cycler",
  "joiner",
  "namespace",
  "raise_exception",
  "strftime_now",
]);

/** Whether a variable of this name would replace an input of ours, or a function of templates. */
export function isReserved(name: string): boolean {
  return OURS.has(name) || FUNCTIONS.has(name);
}

/** How hard a model thinks before it answers. */
export const reasoningEffort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]);

/** Variables by which chat templates switch thinking: true or false. */
export const SWITCHES: readonly string[] = ["enable_thinking", "thinking"];

/** Truth values as some clients write them. */
const WRITTEN: ReadonlyMap<unknown, boolean> = new Map([["true", true], ["false", false]]);

/**
 * Variables for the chat template, bounded, and none of those that are made from other fields. Switches of
 * thinking are booleans.
 */
export const templateKwargs = z.record(z.string(), z.unknown()).transform((kwargs) =>
  Object.fromEntries(
    Object.entries(kwargs).map(([name, value]) => [
      name,
      SWITCHES.includes(name) ? WRITTEN.get(value) ?? value : value,
    ]),
  )
).superRefine((kwargs, context) => {
  const issue = (message: string, path: string[] = []) =>
    context.addIssue({ code: "custom", path, message });
  for (const name of Object.keys(kwargs)) {
    if (OURS.has(name)) issue("cannot be set: other fields or the model decide it", [name]);
    if (FUNCTIONS.has(name)) {
      issue("cannot be set: it is the name of a function that chat templates call", [name]);
    }
  }
  for (const name of SWITCHES) {
    if (Object.hasOwn(kwargs, name) && typeof kwargs[name] !== "boolean") {
      issue("must be true or false", [name]);
    }
  }
  if (isDeeper(kwargs, MAX_KWARGS_DEPTH)) {
    issue(`must have at most ${MAX_KWARGS_DEPTH} levels of objects and lists`);
    return;
  }
  const size = new TextEncoder().encode(JSON.stringify(kwargs)).length;
  if (size > MAX_KWARGS_BYTES) {
    issue(`must be at most ${MAX_KWARGS_BYTES} bytes of JSON: ${size} found`);
  }
});

/** Whether a value has more than this number of levels of objects and lists. */
function isDeeper(value: unknown, levels: number): boolean {
  const isTree = Array.isArray(value) || (isRecord(value) && !isExactNumber(value));
  if (!isTree) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}

/** Fields of a request about the chat template and the model's thinking. */
export const chatShape = {
  reasoning_effort: reasoningEffort.optional().meta({
    description: "How hard to think, for models that can; none: not at all. Default: as the " +
      "model's chat template has it",
  }),
  reasoning_format: z.enum(["auto", "none"]).optional().meta({
    description: "auto (default): thoughts are sent apart from the answer, in the reasoning " +
      "channel; none: the text as the model writes it",
  }),
  reasoning_budget_tokens: z.number().int().min(0).max(1_000_000).optional().meta({
    description: "Most tokens of thinking; then the thought is closed and the answer begins",
  }),
  chat_template_kwargs: templateKwargs.optional().meta({
    description: `Variables for the model's chat template, such as enable_thinking; at most ` +
      `${MAX_KWARGS_BYTES} bytes of JSON and ${MAX_KWARGS_DEPTH} levels`,
  }),
  continue_final_message: z.boolean().optional().meta({
    description: "true: the last message, the assistant's, is continued instead of a new turn " +
      "begun. Default: true if the last message is the assistant's text",
  }),
};

/** A chat template comes from the model or its operator, never from a request. */
export const noTemplate = z.unknown().refine((value) => value === undefined, {
  error: "cannot be given in a request: the operator sets a model's template with " +
    "chat_template_file, and chat_template_kwargs sets its variables",
}).optional().meta({ description: "Refused" });

/** Rules for the fields of {@linkcode chatShape} and those around them. */
export function checkChatFields(request: Record<string, unknown>, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  const { messages, continue_final_message: continues } = request;
  if (messages === undefined) {
    for (const field of Object.keys(chatShape)) {
      if (request[field] === undefined) continue;
      refuse(field, "needs messages: a prompt has no chat template");
    }
    return;
  }
  if (continues !== true || !Array.isArray(messages)) return;
  const last: unknown = messages.at(-1);
  if (!isRecord(last) || last["role"] !== "assistant") {
    refuse("continue_final_message", "needs a last message of the assistant");
  } else if (Array.isArray(last["tool_calls"]) && last["tool_calls"].length > 0) {
    refuse("continue_final_message", "cannot continue a message with tool_calls");
  }
}
