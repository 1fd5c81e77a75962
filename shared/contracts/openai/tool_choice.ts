import { z } from "zod";
import { isRecord } from "../../json.ts";
import { functionName, type Tool, toolChoice, type ToolFields } from "../tools.ts";

const allowedTools = z.object({
  type: z.literal("allowed_tools"),
  allowed_tools: z.object({
    mode: z.enum(["auto", "required"]),
    tools: z.array(z.looseObject({
      type: z.string(),
      function: z.looseObject({ name: functionName }).optional(),
    })).min(1).max(1024),
  }),
});

/** OpenAI's choices of a tool; `any` is Mistral's word for `required`. */
export const anyToolChoice = z.union([z.literal("any"), toolChoice, allowedTools], {
  error: 'must be "none", "auto", "required", name a function, or allow some of them',
});

/** A choice of a tool as clients write it. */
export type AnyToolChoice = z.output<typeof anyToolChoice>;

/**
 * The functions that a request offers and the choice among them, in our own shape. Of functions with the
 * same name the last counts.
 */
export function ownTools(
  given: readonly Tool[] | null | undefined,
  choice: AnyToolChoice | null | undefined,
): Pick<ToolFields, "tools" | "tool_choice"> {
  const tools = [...new Map((given ?? []).map((tool) => [nameOf(tool), tool])).values()];
  const offered = tools.length > 0 ? { tools } : {};
  if (choice === null || choice === undefined) return offered;
  if (choice === "any") return { ...offered, tool_choice: "required" };
  if (typeof choice === "string" || choice.type === "function") {
    return { ...offered, tool_choice: choice };
  }
  const { mode, tools: allowed } = choice.allowed_tools;
  const names = new Set<unknown>(allowed.map((tool) => tool.function?.name));
  return { tools: tools.filter((tool) => names.has(nameOf(tool))), tool_choice: mode };
}

/** The name of a function, also of one that was not checked yet. */
function nameOf(tool: Tool): unknown {
  const { function: described } = isRecord(tool) ? tool : {};
  return isRecord(described) ? described["name"] : tool;
}
