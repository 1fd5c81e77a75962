import assert from "node:assert/strict";
import { styleText } from "node:util";
import type { EndData, TokenData, ToolCall } from "#shared/contracts/mod.ts";
import { fakeContext, type FakeContextOptions } from "../testing/fake_context.ts";
import type { FollowedEvent } from "./follow.ts";
import { printerFor } from "./printer.ts";

const END: EndData = {
  tokens_in: 1,
  tokens_cached: 0,
  tokens_out: 9,
  ttft_ms: 5,
  decode_time_ms: 800,
  stop_reason: "TOOL_CALLS",
  reasoning_tokens: 2,
  seed: 1,
};
const CALL: ToolCall = {
  ...{ id: "abcdefgh1", type: "function" },
  function: { name: "find", arguments: '{"id":1.0}' },
};

const token = (t: string, more: Partial<TokenData> = {}): FollowedEvent => ({
  event: "token",
  data: { t, i: 0, ...more },
});
const EVENTS: readonly FollowedEvent[] = [
  token("Let me", { channel: "reasoning" }),
  token(" see.", { channel: "reasoning" }),
  token("I look."),
  token("", { channel: "call", call: { index: 0, id: CALL.id, name: "find" } }),
  token('{"id":', { channel: "call", call: { index: 0 } }),
  token("1.0}", { channel: "call", call: { index: 0 } }),
  { event: "end", data: { ...END, tool_calls: [CALL] } },
];

function print(
  events: readonly FollowedEvent[],
  options: { readonly json?: boolean; readonly quiet?: boolean } = {},
  context: FakeContextOptions = {},
) {
  const all = { url: undefined, raw: false, json: false, quiet: false, ...options };
  const fake = fakeContext(context);
  const printer = printerFor(all, "job-1", fake);
  for (const event of events) printer.show(event);
  return { out: fake.out(), err: fake.err() };
}

const FIGURES = "9 tokens, 2 of them thinking, 10 tokens/s, first token after 5 ms, TOOL_CALLS, " +
  "seed 1, job job-1\n";

Deno.test("the answer alone goes to stdout; thoughts and calls go to stderr as they come", () => {
  const { out, err } = print(EVENTS);
  assert.equal(out, "I look.");
  assert.equal(err, `Let me see.\nCall of find: {"id":1.0}\n${FIGURES}`);
});

Deno.test("with --quiet thoughts and calls are not shown", () => {
  assert.deepEqual(print(EVENTS, { quiet: true }), { out: "I look.", err: "" });
});

Deno.test("on a terminal thoughts are dim, and each part begins on a line of its own", () => {
  const { out, err } = print(EVENTS, {}, { isTerminal: true });
  assert.equal(out, "I look.\n");
  const dim = (text: string) => styleText("dim", text, { validateStream: false });
  assert.ok(err.startsWith(dim("Let me") + dim(" see.") + "\n"), err);
});

Deno.test("calls that only the end has are shown there", () => {
  const { err } = print([token("a"), { event: "end", data: { ...END, tool_calls: [CALL] } }]);
  assert.equal(err, `Call of find: {"id":1.0}\n${FIGURES}`);
});

Deno.test("an answer that does not satisfy its schema is said to", () => {
  const { err } = print([token("a"), { event: "end", data: { ...END, validated: false } }]);
  assert.match(err, /, the answer does not satisfy its schema, seed /);
});

Deno.test("--json has the answer's text, thoughts and calls apart", () => {
  const { out, err } = print(EVENTS, { json: true });
  const { text, reasoning, tool_calls, reasoning_tokens } = JSON.parse(out);
  assert.deepEqual({ text, reasoning, tool_calls, reasoning_tokens }, {
    text: "I look.",
    reasoning: "Let me see.",
    tool_calls: [CALL],
    reasoning_tokens: 2,
  });
  assert.equal(err, "");
  const [, , said, ...rest] = EVENTS;
  assert.equal("reasoning" in JSON.parse(print([said!, rest.at(-1)!], { json: true }).out), false);
});
