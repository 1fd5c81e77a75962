import { z } from "zod";

/** Most functions of one request. */
const MAX_TOOLS = 128;

const functionName = z.string().regex(
  /^[A-Za-z0-9_.-]{1,64}$/,
  "must be 1 to 64 letters, digits, underscores, dots or dashes",
);

/** A function that the model may call, in OpenAI's shape. */
export const tool = z.object({
  type: z.literal("function"),
  function: z.object({
    name: functionName,
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional()
      .meta({ description: "JSON schema of the arguments; absent: no arguments" }),
    strict: z.boolean().nullish().meta({
      description:
        "A grammar holds what it can of the schema either way. true: what it cannot hold " +
        "(uniqueItems, contains, …) is checked on the finished call",
    }),
  }),
}).meta({ id: "Tool" });

/** A function that the model may call. */
export type Tool = z.output<typeof tool>;

/** A call of a function. */
export const toolCall = z.object({
  id: z.string().min(1).max(256),
  type: z.literal("function"),
  function: z.object({
    name: functionName,
    arguments: z.string().meta({ description: "JSON text" }),
  }),
}).meta({ id: "ToolCall" });

/** A call of a function. */
export type ToolCall = z.output<typeof toolCall>;

/** Whether the model may call, must call, or must call one function. */
export const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.object({ type: z.literal("function"), function: z.object({ name: functionName }) }),
], { error: 'must be "none", "auto", "required", or name a function' });

/** Fields of a request about tools. */
export const toolShape = {
  tools: z.array(tool).max(MAX_TOOLS).optional(),
  tool_choice: toolChoice.optional().meta({ description: "Default: auto" }),
  parallel_tool_calls: z.boolean().optional()
    .meta({ description: "false: the answer ends after its first call" }),
};

/** The fields of {@linkcode toolShape}. */
export interface ToolFields {
  readonly tools?: readonly Tool[] | undefined;
  readonly tool_choice?: z.output<typeof toolChoice> | undefined;
  readonly parallel_tool_calls?: boolean | undefined;
}

/** The tools that the model's prompt describes: none if it may not call any. */
export function offeredTools({ tools = [], tool_choice }: ToolFields): readonly Tool[] {
  return tool_choice === "none" ? [] : tools;
}

/** The functions of which the model must call one; undefined if it need not call any. */
export function demandedTools(fields: ToolFields): readonly Tool[] | undefined {
  const { tools = [], tool_choice } = fields;
  if (tool_choice === "required") return tools;
  if (typeof tool_choice !== "object") return undefined;
  return tools.filter((each) => each.function.name === tool_choice.function.name);
}

/** Rules for tools and the fields around them that a schema cannot express. */
export function checkTools(request: Record<string, unknown>, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  const choice = toolChoice.safeParse(request["tool_choice"]);
  const tools = toolShape.tools.safeParse(request["tools"] ?? undefined);
  if (!tools.success) return;
  const fields: ToolFields = {
    tools: tools.data,
    ...(choice.success ? { tool_choice: choice.data } : {}),
  };
  const names = (tools.data ?? []).map((each) => each.function.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse("tools", `name the function "${twice}" twice`);
  if (demandedTools(fields)?.length === 0) {
    refuse("tool_choice", "asks for a tool that is not there");
  }
  if (offeredTools(fields).length === 0) return;
  if (request["messages"] === undefined) refuse("tools", "need messages");
  if (request["json_schema"] !== undefined || request["grammar"] !== undefined) {
    refuse("tools", "cannot be given beside a grammar or a JSON schema of the answer");
  }
}
