import type { EndData, TokenData, ToolCall } from "#shared/contracts/mod.ts";

const thought = { channel: "reasoning" } as const;
const part = (index: number, first?: { id: string; name: string }) =>
  ({ channel: "call", call: { index, ...first } }) as const;

/** Id and name of the first call of {@linkcode SCRIPT}. */
export const FIRST = { id: "abcdefgh1", name: "find" };
/** Those of its second call. */
export const SECOND = { id: "abcdefgh2", name: "server/list: all" };

/** A thought, text, and two calls; some tokens are the text of several events. */
export const SCRIPT: readonly Omit<TokenData, "i">[] = [
  { t: "Let me", ids: [1], ...thought },
  { t: " see.", ids: [2, 3], ...thought },
  { t: "I look: ", ids: [4] },
  { t: "", ids: [5, 6], ...part(0, FIRST) },
  { t: '{"id": 12345678901', ids: [7], ...part(0) },
  { t: '23456789, "x": 1.0, "1": 0}', ids: [8], ...part(0) },
  { t: "", ids: [], ...part(1, SECOND) },
  { t: "{}", ids: [9], ...part(1) },
];

/** A whole call. */
export const wholeCall = ({ id, name }: typeof FIRST, given: string): ToolCall => ({
  ...{ id, type: "function" },
  function: { name, arguments: given },
});

/** The calls of {@linkcode SCRIPT}. */
export const CALLS = [
  wholeCall(FIRST, '{"id": 1234567890123456789, "x": 1.0, "1": 0}'),
  wholeCall(SECOND, "{}"),
];

/** How {@linkcode SCRIPT} ends. */
export const SCRIPT_END: Partial<EndData> = {
  stop_reason: "TOOL_CALLS",
  tool_calls: CALLS,
  reasoning_tokens: 3,
};
