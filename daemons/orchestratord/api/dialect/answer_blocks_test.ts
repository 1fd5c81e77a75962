import assert from "node:assert/strict";
import type { JobEvent, TokenData, ToolCall } from "#shared/contracts/mod.ts";
import { AnswerBlocks, type BlockStep } from "./answer_blocks.ts";

const token = (t: string, more: Partial<TokenData> = {}): JobEvent => ({
  event: "token",
  data: { t, i: 0, ...more },
});
const thought = (t: string) => token(t, { channel: "reasoning" });
const call = (t: string, index: number, first: { id?: string; name?: string } = {}) =>
  token(t, { channel: "call", call: { index, ...first } });
const end = (tool_calls?: ToolCall[]): JobEvent => ({
  event: "end",
  data: {
    ...{ tokens_in: 1, tokens_cached: 0, tokens_out: 1, ttft_ms: 0, decode_time_ms: 0, seed: 0 },
    stop_reason: "EOS",
    ...(tool_calls ? { tool_calls } : {}),
  },
});

/** A step as a short text. */
function written(step: BlockStep): string {
  const { block } = step;
  const name = `${block.kind}${block.index}`;
  if (step.step === "open") return `+${name}${block.kind === "call" ? `(${block.name})` : ""}`;
  return step.step === "more" ? step.text : `-${name}=${step.text}`;
}

function steps(...events: readonly JobEvent[]): string[] {
  const blocks = new AnswerBlocks();
  return events.flatMap((event) => blocks.take(event)).map(written);
}

Deno.test("an answer's thought, text and calls are blocks that follow each other", () => {
  assert.deepEqual(
    steps(
      thought("a"),
      thought("b"),
      token("x"),
      token(" "),
      call("", 0, { id: "1", name: "f" }),
      call("{}", 0),
      call("[", 1, { id: "2", name: "g" }),
      end(),
    ),
    [
      ...["+reasoning0", "a", "b", "-reasoning0=ab"],
      ...["+text1", "x", " ", "-text1=x "],
      ...["+call2(f)", "{}", "-call2={}"],
      ...["+call3(g)", "[", "-call3=["],
    ],
  );
});

Deno.test("white space alone is text only if nothing but the end follows", () => {
  const begun = call("{}", 0, { id: "1", name: "f" });
  assert.deepEqual(steps(token("\n"), begun, end()), ["+call0(f)", "{}", "-call0={}"]);
  assert.deepEqual(steps(token("\n"), thought("a"), end())[0], "+reasoning0");
  assert.deepEqual(steps(token("\n"), token("a"), end()), ["+text0", "\na", "-text0=\na"]);
  assert.deepEqual(steps(token("\n"), end()), ["+text0", "\n", "-text0=\n"]);
  assert.deepEqual(steps(end()), []);
});

Deno.test("calls that only the end has are blocks, too, and no others twice", () => {
  const whole = (name: string): ToolCall => ({
    ...{ id: name, type: "function" },
    function: { name, arguments: "{}" },
  });
  assert.deepEqual(
    steps(token("\n"), call("{}", 0, { id: "f", name: "f" }), end([whole("f"), whole("g")])),
    ["+call0(f)", "{}", "-call0={}", "+call1(g)", "{}", "-call1={}"],
  );
  assert.deepEqual(steps(token("\n"), end([whole("g")])), ["+call0(g)", "{}", "-call0={}"]);
});

Deno.test("logprobs go with the text that they belong to", () => {
  const logprobs = (t: string) => [{ id: 1, t, logprob: -1, top: [] }];
  const blocks = new AnswerBlocks();
  blocks.take(token(" ", { logprobs: logprobs(" ") }));
  const [, more] = blocks.take(token("a", { logprobs: logprobs("a") }));
  assert.ok(more?.step === "more");
  assert.deepEqual(more.logprobs, [...logprobs(" "), ...logprobs("a")]);
});

Deno.test("an answer that broke off can be closed", () => {
  const blocks = new AnswerBlocks();
  blocks.take(token("half"));
  assert.deepEqual(blocks.close().map(written), ["-text0=half"]);
  assert.deepEqual(blocks.blocks, [{ kind: "text", index: 0, text: "half" }]);
  assert.deepEqual(blocks.close(), []);
});
