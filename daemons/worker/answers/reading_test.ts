import assert from "node:assert/strict";
import { type Syntax, withMarks } from "../chat/syntax.ts";
import { KNOWN_SYNTAXES, USUAL_CALLS } from "../chat/known_syntaxes.ts";
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

/** Channels, recipients with a channel or none, and lines with a recipient. */
const [HARMONY, ADDRESSED, LINES] = KNOWN_SYNTAXES.map(({ messages }) =>
  withMarks({ ...(messages ? { messages } : {}), ends: [] })
);

function messageReading(syntax: Syntax, answerStart: string, fields: Record<string, unknown>) {
  const prompt = { tokens: [], answerStart, syntax };
  const { hold, closing } = readingOf(request({ messages, ...fields }), prompt, new FakeEngine());
  const { waits = false, beginnings = { thoughts: [] } } = hold ?? {};
  return { lead: hold?.messages?.lead, waits, thoughts: beginnings.thoughts, closing };
}

Deno.test("a message may be a thought before a schema or a forced call, in the model's own header", () => {
  for (const fields of [{ json_schema }, { tools, tool_choice: "required" }]) {
    const ask = (syntax: Syntax | undefined, start: string, more = {}) =>
      messageReading(syntax!, start, { ...fields, ...more });
    const harmony = { waits: true, closing: "<|end|>" };
    const analysis = "<|channel|>analysis<|message|>";
    assert.deepEqual(ask(HARMONY, "<|start|>assistant"), {
      ...{ ...harmony, lead: "", thoughts: [analysis] },
    });
    assert.deepEqual(ask(HARMONY, ""), {
      ...{ ...harmony, lead: "<|start|>assistant", thoughts: [`<|start|>assistant${analysis}`] },
    });
    assert.deepEqual(ask(HARMONY, `<|start|>assistant${analysis}So`), {
      ...{ ...harmony, lead: "", thoughts: [] },
    });
    assert.deepEqual(ask(HARMONY, "<|start|>assistant", { reasoning_effort: "none" }), {
      ...{ ...harmony, lead: "", waits: false, thoughts: [] },
    });
    assert.deepEqual(ask(ADDRESSED, "<|start|>assistant"), {
      ...{ lead: "", waits: true, thoughts: [" to=self<|message|>"], closing: "<|eom|>" },
    });
    assert.deepEqual(ask(LINES, "<|a|>>>>"), {
      ...{ lead: "", waits: false, thoughts: [], closing: undefined },
    });
    assert.equal(ask(HARMONY, "<|start|>assistant<|channel|>final<|message|>So").lead, undefined);
  }
  const odd = [{ type: "function", function: { name: "a b" } }];
  const forced = { tools: odd, tool_choice: "required" };
  assert.equal(messageReading(HARMONY!, "<|start|>assistant", forced).lead, undefined);
  assert.equal(
    messageReading(ADDRESSED!, "<|start|>assistant", { tools }).closing,
    "<|eom|><|start|>assistant to=user<|message|>",
  );
});

Deno.test("the watch of an answer of messages tells where a call's header begins", () => {
  const prompt = { tokens: [], answerStart: "<|start|>assistant", syntax: HARMONY! };
  const { hold } = readingOf(request({ messages, tools }), prompt, new FakeEngine());
  const push = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) hold!.watch.push(byte);
    return new TextDecoder().decode(new Uint8Array(hold!.watch.callTokens()));
  };
  assert.equal(push("<|channel|>analysis<|message|>Hm."), "");
  assert.ok(hold!.watch.isThinking);
  push("<|end|>");
  assert.ok(!hold!.watch.isThinking, "the thought is over before the next header");
  const header = "<|start|>assistant<|channel|>commentary to=functions.f<|message|>";
  assert.equal(push(header), header);
  assert.equal(push('{"a":'), `${header}{"a":`);
  assert.equal(push(" 1}<|call|>"), "");
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

/** What the reader of a request makes of an answer that is cut off. */
function cutOff(text: string, ...args: Parameters<typeof reading>) {
  const { reader } = reading(...args);
  return [...reader!.push(text), ...reader!.end(true)];
}

Deno.test("half a call that must be made is never text", () => {
  const call = '\n{"name": "f", "arguments": {"a": 1}}';
  for (const tool_choice of ["required", { type: "function", function: { name: "f" } }]) {
    for (const start of ["", "<think></think>", "<think>\n"]) {
      for (let end = 0; end < call.length; end++) {
        const fields = { tools, tool_choice, reasoning_format: "none" };
        const parts = cutOff(call.slice(0, end), fields, start);
        const isNamed = end > call.indexOf('"f"') + 2;
        assert.deepEqual(parts.slice(0, 1), isNamed ? [{ kind: "call", index: 0, name: "f" }] : []);
        assert.ok(parts.every(({ kind }) => kind !== "text"), call.slice(0, end));
      }
    }
  }
  const after = cutOff(
    `Hm.</think>\n${call.slice(0, 5)}`,
    { tools, tool_choice: "required" },
    "<think>",
  );
  assert.deepEqual(after, [{ kind: "reasoning", text: "Hm." }]);
});

Deno.test("a schema goes on after the text that the request begins, without a thought before", () => {
  const syntax = withMarks({ thought: THINK, calls: USUAL_CALLS, ends: [] });
  const prompt = { tokens: [], answerStart: '{"a', syntax, begun: ' {"a' };
  const asked = (fields: Record<string, unknown>) =>
    readingOf(request({ messages, ...fields }), prompt, new FakeEngine());
  const { begun, hold, reader } = asked({ json_schema, tools });
  assert.deepEqual(begun, { text: '{"a', field: "messages.0.content" });
  assert.deepEqual([hold?.waits, hold?.beginnings.thoughts], [false, []]);
  const text = '<think>":1}';
  assert.deepEqual([...reader!.push(text), ...reader!.end(false)], [{ kind: "text", text }]);
  assert.equal(asked({ tools }).begun, undefined);
  assert.equal(asked({ json_schema, tools, tool_choice: "required" }).begun, undefined);
});

Deno.test("a thought that the prompt opened does not go on where a schema holds without thoughts", () => {
  const fields = { json_schema, tools, reasoning_format: "none" };
  assert.deepEqual(cutOff('{"a": 1}', fields, "<think>\n"), [{ kind: "text", text: '{"a": 1}' }]);
});
