import {
  type Content,
  contentOf,
  type CountTokensRequest,
  imageAt,
  imageIn,
  type ImagePart,
  type Message,
  type TaskRequestInput,
  type TextPart,
  type Tool,
} from "#shared/contracts/mod.ts";
import { defined, isRecord } from "#shared/json.ts";
import { type FieldNames, withLongest } from "../dialect/field_names.ts";
import { functionTool } from "../dialect/function_tool.ts";

type InputMessage = CountTokensRequest["messages"][number];
type UserBlock = Exclude<Extract<InputMessage, { role: "user" }>["content"], string>[number];
type AssistantBlock = Exclude<
  Extract<InputMessage, { role: "assistant" }>["content"],
  string
>[number];
type ToolResult = Extract<UserBlock, { type: "tool_result" }>;
type Shown = Exclude<UserBlock, { type: "tool_result" }>;

/** What Anthropic's requests call the fields of tasks. */
export function messagesNames(
  { messages, system }: Pick<CountTokensRequest, "messages" | "system">,
): FieldNames {
  return withLongest(NAMES, { messages, system });
}

const NAMES = {
  messages: "messages",
  tools: "tools",
  stop: "stop_sequences",
  json_schema: "output_config.format.schema",
  reasoning_effort: "output_config.effort",
};

/** A line of Claude Code that differs from call to call: with it, no prefix of a prompt would be found again. */
const BILLING = /^x-anthropic-billing-header:[^\n]*\n?/;

/** The fields of a task that make its prompt, from a request in Anthropic's shape. */
export function promptFields(body: CountTokensRequest): Partial<TaskRequestInput> {
  const { tools, tool_choice: choice } = body;
  const functions = (tools ?? []).flatMap(toTool);
  const isSingle = choice && "disable_parallel_tool_use" in choice &&
    choice.disable_parallel_tool_use;
  return {
    model: body.model,
    messages: [...systemMessage(body.system), ...body.messages.flatMap(toMessages)],
    ...(functions.length > 0 ? { tools: functions } : {}),
    ...(choice ? { tool_choice: toToolChoice(choice) } : {}),
    ...(isSingle ? { parallel_tool_calls: false } : {}),
    ...thoughtFields(body),
    ...schemaField(body.output_config?.format),
  };
}

function systemMessage(system: CountTokensRequest["system"]): Message[] {
  const texts = typeof system === "string" ? [system] : (system ?? []).map(({ text }) => text);
  const content = texts.map((text) => text.replace(BILLING, "")).filter((text) => text !== "")
    .join("\n");
  return content === "" ? [] : [{ role: "system", content }];
}

function toMessages(message: InputMessage): Message[] {
  const { role, content } = message;
  switch (role) {
    case "system":
      return [{ role, content: textOf(content) }];
    case "user":
      return typeof content === "string" ? [{ role, content }] : userMessages(content);
    case "assistant":
      return [typeof content === "string" ? { role, content } : assistantMessage(content)];
  }
}

/** Results of tools, texts and images, in their order; those that follow each other are one message. */
function userMessages(blocks: readonly UserBlock[]): Message[] {
  const messages: Message[] = [];
  let shown: Shown[] = [];
  const flush = () => {
    if (shown.length > 0) messages.push({ role: "user", content: shownIn(shown) });
    shown = [];
  };
  for (const block of blocks) {
    if (block.type !== "tool_result") {
      shown.push(block);
      continue;
    }
    flush();
    messages.push(resultMessage(block));
  }
  flush();
  return messages.length > 0 ? messages : [{ role: "user", content: "" }];
}

function resultMessage({ tool_use_id, content }: ToolResult): Message {
  return { role: "tool", content: shownIn(content ?? ""), tool_call_id: tool_use_id };
}

/** Texts and images. */
function shownIn(content: string | readonly Shown[]): Content {
  return typeof content === "string" ? content : contentOf(content.map(toPart));
}

function toPart(block: Shown): TextPart | ImagePart {
  if (block.type === "text") return block;
  const { source } = block;
  return source.type === "url" ? imageAt(source.url) : imageIn(source.data);
}

function assistantMessage(blocks: readonly AssistantBlock[]): Message {
  const thoughts = blocks.flatMap((block) => block.type === "thinking" ? [block.thinking] : []);
  const calls = blocks.flatMap((block) =>
    block.type === "tool_use"
      ? [{
        id: block.id,
        type: "function" as const,
        function: { name: block.name, arguments: JSON.stringify(block.input) },
      }]
      : []
  );
  return {
    role: "assistant",
    content: blocks.flatMap((block) => block.type === "text" ? [block.text] : []).join("\n"),
    ...(thoughts.length > 0 ? { reasoning_content: thoughts.join("\n") } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("\n");
}

/** The client's own functions; a tool that runs at Anthropic has a type and no schema, and is skipped. */
function toTool(
  { name, description, input_schema: parameters, strict, type }: NonNullable<
    CountTokensRequest["tools"]
  >[number],
): Tool[] {
  if (!isRecord(parameters) && type && type !== "custom") return [];
  return [functionTool({ name, description, parameters, strict })];
}

function toToolChoice(
  choice: NonNullable<CountTokensRequest["tool_choice"]>,
): NonNullable<TaskRequestInput["tool_choice"]> {
  switch (choice.type) {
    case "any":
      return "required";
    case "tool":
      return { type: "function", function: { name: choice.name } };
    default:
      return choice.type;
  }
}

function thoughtFields({ thinking, output_config }: CountTokensRequest): Partial<TaskRequestInput> {
  if (thinking?.type === "disabled") return { reasoning_effort: "none" };
  const effort = output_config?.effort;
  return {
    ...(effort ? { reasoning_effort: effort === "max" ? "xhigh" : effort } : {}),
    ...(thinking?.type === "enabled"
      ? {
        chat_template_kwargs: { enable_thinking: true },
        ...defined({ reasoning_budget_tokens: thinking.budget_tokens ?? undefined }),
      }
      : {}),
  };
}

function schemaField(
  format: NonNullable<CountTokensRequest["output_config"]>["format"] | undefined,
): Partial<TaskRequestInput> {
  return format ? { json_schema: format.schema, json_schema_strict: true } : {};
}
