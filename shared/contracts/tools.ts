import { z } from "zod";

/** Most functions of one request. */
const MAX_TOOLS = 1024;

/** Any text: agents call tools `server/tool`, `a:b` or with spaces. */
export const functionName = z.string().min(1).max(256);

/** A function that the model may call, in OpenAI's shape. */
export const tool = z.object({
  type: z.literal("function"),
  function: z.object({
    name: functionName,
    description: z.string().nullable().transform((text) => text ?? undefined).optional(),
    parameters: z.record(z.string(), z.unknown()).nullable()
      .transform((schema) => schema ?? undefined).optional()
      .meta({ description: "JSON schema of the arguments; absent or null: no arguments" }),
    strict: z.boolean().nullish().meta({
      description:
        "A grammar holds a call that must be made to what it can of the schema. true: a call that " +
        "no grammar holds is checked when the answer is finished, see validated of its end event",
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

/** Fields of a request about tools. Beside a schema or grammar, an answer is calls or fits it. */
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
  // What is not there is right, and to have it parsed would cost most requests more than all the rest.
  if ((request["tools"] ?? request["tool_choice"] ?? undefined) === undefined) return;
  const choice = toolChoice.safeParse(request["tool_choice"]);
  const tools = toolShape.tools.safeParse(request["tools"] ?? undefined);
  if (!tools.success) return;
  const fields: ToolFields = {
    tools: tools.data,
    ...(choice.success ? { tool_choice: choice.data } : {}),
  };
  const names = (tools.data ?? []).map((each) => each.function.name);
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) refuse("tools", `name the function "${twice}" twice`);
  if (demandedTools(fields)?.length === 0) {
    refuse("tool_choice", "asks for a tool that is not there");
  }
  if (offeredTools(fields).length === 0) return;
  if (request["messages"] === undefined) refuse("tools", "need messages");
}
