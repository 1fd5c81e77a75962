import { type EndData, offeredTools, type ToolFields } from "#shared/contracts/mod.ts";
import { parseJson } from "#shared/json.ts";

/** What became of a call: `none` where the model might have called a function and did not. */
export type CallOutcome = "complete" | "cut" | "none";

/** The outcome of each call of an answer, for metrics; of one without tools, no outcome. */
export function callOutcomes(
  request: ToolFields,
  { tool_calls: calls = [], stop_reason }: Pick<EndData, "tool_calls" | "stop_reason">,
): readonly CallOutcome[] {
  if (calls.length === 0) return offeredTools(request).length > 0 ? ["none"] : [];
  return calls.map(({ function: { arguments: given } }, index) => {
    // Only the last call can be cut, and arguments that stop in the middle are no JSON.
    const mayBeCut = stop_reason === "MAX_TOKENS" && index === calls.length - 1;
    return mayBeCut && parseJson(given) === undefined ? "cut" : "complete";
  });
}
