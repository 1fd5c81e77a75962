import assert from "node:assert/strict";
import { withMarks } from "../chat/syntax.ts";
import { USUAL_CALLS } from "../chat/known_syntaxes.ts";
import { request } from "../testing/generator.ts";
import { FakeEngine } from "../testing/fake_engine.ts";
import { readingOf } from "./reading.ts";

const THINK = { opens: ["<think>"], closes: ["</think>"] };
const messages = [{ role: "user", content: "Hi" }];
const tools = [{ type: "function", function: { name: "f" } }];
const json_schema = { type: "object" };

function reading(fields: Record<string, unknown>, answerStart = "", thought: object = THINK) {
  const syntax = withMarks({ thought: { ...THINK, ...thought }, calls: USUAL_CALLS, ends: [] });
  const prompt = { tokens: [], answerStart, syntax };
  return readingOf(request({ messages, ...fields }), prompt, new FakeEngine());
}

/** What a reading lets come before what its grammar holds. */
function before(...args: Parameters<typeof reading>) {
  const { hold } = reading(...args);
  return [hold?.waits ?? false, ...hold?.beginnings.thoughts ?? []];
}

Deno.test("a thought may come before a schema or a forced call, if the model can begin or end one", () => {
  for (const fields of [{ json_schema }, { tools, tool_choice: "required" }]) {
    assert.deepEqual(before(fields), [true, "<think>"]);
    assert.deepEqual(before(fields, "<think>\n"), [true]);
    assert.deepEqual(before(fields, "<think></think>"), [false]);
    assert.deepEqual(before(fields, "", { isGuess: true }), [false]);
    assert.deepEqual(before({ ...fields, reasoning_effort: "none" }), [false]);
    assert.deepEqual(before({ ...fields, reasoning_format: "none" }, "<think>"), [false]);
  }
  assert.deepEqual(before({ tools }, "<think>"), [false], "nothing waits");
  assert.deepEqual(before({ grammar: 'root ::= "a"', tools }, "<think>"), [false]);
});

Deno.test("the watch of an answer tells thoughts and calls from its tokens", () => {
  const { watch } = reading({ tools }).hold!;
  const push = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) watch.push(byte);
    return new TextDecoder().decode(new Uint8Array(watch.callTokens()));
  };
  assert.equal(push("<think>"), "");
  assert.ok(watch.isThinking);
  assert.equal(push("Hm.</think>é\n<tool_call"), "");
  assert.ok(!watch.isThinking);
  assert.equal(push(">"), "<tool_call>");
  assert.equal(push('\n{"name": '), '<tool_call>\n{"name": ');
  assert.equal(push('"f", "arguments": {}}'), "");
  assert.equal(watch.callStart, undefined);
});
