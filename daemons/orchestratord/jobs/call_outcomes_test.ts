import assert from "node:assert/strict";
import type { Tool, ToolCall } from "#shared/contracts/mod.ts";
import { callOutcomes } from "./call_outcomes.ts";

const tools: Tool[] = [{ type: "function", function: { name: "f" } }];
const call = (given: string): ToolCall => ({
  ...{ id: "c", type: "function" },
  function: { name: "f", arguments: given },
});

Deno.test("callOutcomes() knows a call that max_tokens cut from those before it", () => {
  const calls = [call('{"a":1}'), call('{"a":"b')];
  const end = { tool_calls: calls, stop_reason: "MAX_TOKENS" } as const;
  assert.deepEqual(callOutcomes({ tools }, end), ["complete", "cut"]);
  assert.deepEqual(callOutcomes({ tools }, { ...end, tool_calls: [call("{}")] }), ["complete"]);
  assert.deepEqual(callOutcomes({ tools }, { ...end, stop_reason: "TOOL_CALLS" }), [
    "complete",
    "complete",
  ]);
});

Deno.test("callOutcomes() counts an answer without a call only where there were tools", () => {
  const end = { stop_reason: "EOS" } as const;
  assert.deepEqual(callOutcomes({ tools }, end), ["none"]);
  assert.deepEqual(callOutcomes({ tools, tool_choice: "none" }, end), []);
  assert.deepEqual(callOutcomes({}, end), []);
});
