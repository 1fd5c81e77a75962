import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeEngine } from "../testing/fake_engine.ts";
import { TextGate } from "./text_gate.ts";
import type { CallSyntax } from "../chat/call_syntax.ts";
import { type CallWatch, matchCalls } from "./tool_calls.ts";

const watch = (syntax: CallSyntax, single = false): CallWatch => ({
  syntax,
  single,
  names: new Set(["add", "get"]),
});
const ADD = '{"name": "add", "arguments": {"a": 1}}';
const GET = '{"name": "get", "arguments": {}}';
const CALL = `<tool_call>\n${ADD}\n</tool_call>`;

/**
 * Passes a text through a gate, one byte per token; returns the text shown, the calls, and the text
 * after a stop.
 */
function watched(text: string, given: CallWatch, { stops = [] as string[], cut = false } = {}) {
  const engine = new FakeEngine();
  const gate = new TextGate((ids) => engine.detokenize(ids), stops, given);
  let shown = "";
  let rest = "";
  let stopped = false;
  for (const id of new TextEncoder().encode(text)) {
    if (stopped) {
      rest += engine.detokenize([id]);
      continue;
    }
    const result = gate.push(id);
    shown += result.release?.text ?? "";
    stopped = result.stopped;
  }
  if (!stopped) shown += gate.flush(cut)?.text ?? "";
  return { shown, calls: gate.calls.map((call) => call.name), rest };
}

Deno.test("a call between tags is not shown; the text before it is", () => {
  assert.deepEqual(watched(`ok <tool_call>${ADD}</tool_call>`, watch("tagged")), {
    shown: "ok ",
    calls: ["add"],
    rest: "",
  });
});

Deno.test("several calls may follow each other, and any other text ends them", () => {
  const two = `${CALL}\n<tool_call>${GET}</tool_call>`;
  assert.deepEqual(watched(two, watch("tagged")).calls, ["add", "get"]);
  assert.deepEqual(watched(`${two}\nso`, watch("tagged")), {
    shown: "",
    calls: ["add", "get"],
    rest: "o",
  });
  assert.deepEqual(watched(two, watch("tagged", true)).calls, ["add"]);
});

Deno.test("text between tags that does not call a known function is shown as text", () => {
  for (const body of ["nonsense", '{"name": "other", "arguments": {}}', '{"name": "add"', "{}"]) {
    const text = `a <tool_call>${body}</tool_call> b`;
    assert.deepEqual(watched(text, watch("tagged")), { shown: text, calls: [], rest: "" });
  }
  const mixed = `<tool_call>no</tool_call>${CALL}`;
  assert.deepEqual(watched(mixed, watch("tagged")), {
    shown: "<tool_call>no</tool_call>",
    calls: ["add"],
    rest: "",
  });
});

Deno.test("a call without its closing tag counts, half a call does not", () => {
  assert.deepEqual(watched(`<tool_call>${ADD}`, watch("tagged")).calls, ["add"]);
  const half = `so <tool_call>${ADD.slice(0, 20)}`;
  // If the model ended here, this is its text. If it was cut off, it would have become a call.
  assert.equal(watched(half, watch("tagged")).shown, half);
  assert.deepEqual(watched(half, watch("tagged"), { cut: true }), {
    shown: "so ",
    calls: [],
    rest: "",
  });
});

Deno.test("bare JSON with a function's name is a call, but only at the start", () => {
  assert.deepEqual(watched(`\n${ADD}x`, watch("bare")), { shown: "\n", calls: ["add"], rest: "x" });
  assert.deepEqual(watched('{"name":"get","parameters":{"q":"}"}}', watch("bare")).calls, ["get"]);
  for (const text of [`see ${ADD}`, '{"other": 1} and more', '{"name": "nobody"}', "{", "{}"]) {
    assert.deepEqual(watched(text, watch("bare")), { shown: text, calls: [], rest: "" });
  }
});

Deno.test("JSON that cannot become a call is shown as it arrives", () => {
  const match = matchCalls('{"answer": "lo', watch("bare"), true);
  assert.equal(match.holdFrom, 14);
});

Deno.test("arguments may be an object or a string of JSON, but nothing else", () => {
  const named = (given: string) =>
    watched(`{"name":"add","arguments":${given}}`, watch("bare")).calls;
  assert.deepEqual(named('"{\\"a\\":1}"'), ["add"]);
  assert.deepEqual(named('"a"'), []);
  assert.deepEqual(named("[1]"), []);
});

Deno.test("stop strings end the text before a call, but are part of it inside a call", () => {
  assert.deepEqual(watched(`a;${CALL}`, watch("tagged"), { stops: [";"] }).calls, []);
  assert.deepEqual(watched(`a${CALL}`, watch("tagged"), { stops: ["}"] }).calls, ["add"]);
});

Deno.test("a gate that looks for calls continues after any event as if it had not been interrupted", () => {
  const pieces = fc.constantFrom("<tool", "_call>", ADD, "</tool_call>", "\n", "x", "<", "{");
  const syntaxes = fc.constantFrom<CallSyntax>("tagged", "bare");
  fc.assert(
    fc.property(syntaxes, fc.array(pieces, { maxLength: 8 }), fc.nat(), (syntax, texts, where) => {
      const engine = new FakeEngine({
        bytes: (token) => [...new TextEncoder().encode(texts[token])],
      });
      const ids = texts.map((_, index) => index);
      const open = () => new TextGate((some) => engine.detokenize(some), [], watch(syntax));
      const runAll = (gate: TextGate, from: readonly number[]) => {
        const out = [];
        let stopped = false;
        for (const id of from) {
          const result = gate.push(id);
          if (result.release) out.push(result.release);
          stopped = result.stopped;
          if (stopped) break;
        }
        const rest = stopped ? undefined : gate.flush();
        return { out: rest ? [...out, rest] : out, calls: gate.calls };
      };
      const whole = runAll(open(), ids);
      const events = whole.out.slice(0, where % (whole.out.length + 1));
      const delivered = events.flatMap((release) => release.ids);
      const gate = open();
      let stopped = false;
      for (const id of delivered) stopped = gate.replay(id) || stopped;
      const rest = stopped
        ? { out: [], calls: gate.calls }
        : runAll(gate, ids.slice(delivered.length));
      const text = [...events, ...rest.out].map((release) => release.text).join("");
      assert.equal(text, whole.out.map((release) => release.text).join(""));
      assert.deepEqual(rest.calls, whole.calls);
    }),
    { numRuns: 1000 },
  );
});
