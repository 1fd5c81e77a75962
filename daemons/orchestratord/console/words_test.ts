import assert from "node:assert/strict";
import { wordsOf } from "./web/figures.ts";
import { formatThings } from "./web/format.ts";
import { isAskable, labelOf, nameOf, shortNames } from "./web/names.ts";
import { parseOptions } from "./web/further_options.ts";
import { snippet } from "./web/snippets.ts";

const model = {
  model_ref: "file:/a/alpha.gguf",
  aliases: ["file:/a/alpha.gguf", "alpha"],
  ambiguous_aliases: [] as string[],
  pools: ["p1"],
};

Deno.test("a model is requested by its shortest name", () => {
  assert.equal(nameOf(model), "alpha");
  assert.equal(labelOf(model), "alpha");
});

Deno.test("a name that two models claim is not used", () => {
  const shared = { ...model, ambiguous_aliases: ["alpha"] };
  assert.equal(nameOf(shared), "file:/a/alpha.gguf");
  assert.equal(labelOf(shared), "file:/a/alpha.gguf");
  assert.ok(isAskable(shared));
});

Deno.test("models without an unambiguous name are shown with their pools", () => {
  const shared = { ...model, ambiguous_aliases: model.aliases };
  assert.equal(labelOf(shared), "file:/a/alpha.gguf on p1");
  assert.ok(!isAskable(shared));
  assert.equal(nameOf({ ...shared, aliases: [...model.aliases, "alpha-2025"] }), "alpha-2025");
});

Deno.test("models have short names unless those are equal", () => {
  const refs = ["file:/a/alpha.gguf", "file:/b/alpha.gguf", "file:/b/beta.gguf"];
  const names = shortNames([...refs, refs[2]!]);
  assert.deepEqual([...names.values()], [refs[0], refs[1], "beta"]);
});

Deno.test("an answer's figures have a rate only if it took long enough to measure", () => {
  const figures = { tokens: 101, firstMs: 50, tookMs: 2_050, reason: "stop" };
  assert.equal(
    wordsOf(figures),
    "101 tokens in 2 s, first after 50 ms, 50 tokens/s, stop",
  );
  const short = { ...figures, tokens: 15, tookMs: 51 };
  assert.equal(wordsOf(short), "15 tokens in 51 ms, first after 50 ms, stop");
  const one = { ...figures, tokens: 1 };
  assert.equal(wordsOf(one), "1 token in 2 s, first after 50 ms, stop");
  const thoughtful = { ...one, thinking: 1 };
  assert.equal(wordsOf(thoughtful), "1 token in 2 s, 1 of them thinking, first after 50 ms, stop");
});

Deno.test("formatThings() uses the singular only for one", () => {
  assert.deepEqual([0, 1, 2, 1_000].map((count) => formatThings(count, "model")), [
    "0 models",
    "1 model",
    "2 models",
    "1,000 models",
  ]);
});

Deno.test("code has no characters that change its direction, and sends the request", () => {
  const content = "a\u202e'b\"\\";
  const request = { model: "m\u2066", messages: [{ role: "user", content } as const] };
  for (const language of ["curl", "JavaScript", "Python"] as const) {
    const code = snippet(language, request, "http://127.0.0.1:8080");
    // deno-lint-ignore no-control-regex -- the characters that must not occur
    assert.doesNotMatch(code, /[\u202a-\u202e\u2066-\u2069\u0000-\u0009]/);
    assert.ok(code.includes("a\\u202e"));
  }
  const code = snippet("JavaScript", request, "http://127.0.0.1:8080");
  const body = /create\((\{[^]*\})\)/.exec(code)![1]!;
  assert.deepEqual(JSON.parse(body), { ...request, stream: true });
});

Deno.test("Python code sends what OpenAI's client does not know within extra_body", () => {
  const code = snippet("Python", {
    ...{ model: "m", messages: [], top_p: 0.5, mirostat: 2, ignore_eos: true },
  }, "http://127.0.0.1:8080");
  const lines = '    top_p=0.5,\n    extra_body={"mirostat": 2, "ignore_eos": True},\n';
  assert.ok(code.includes(lines), code);
});

Deno.test("further options are a JSON object that sets nothing of the form's own", () => {
  assert.deepEqual(parseOptions("  "), { fields: {} });
  assert.deepEqual(parseOptions('{"mirostat": 2}'), { fields: { mirostat: 2 } });
  assert.match(parseOptions("{").error!, /^Options are not JSON: /);
  for (const text of ["[1]", "3", "null"]) assert.match(parseOptions(text).error!, /JSON object/);
  assert.match(parseOptions('{"model": "a"}').error!, /^The option model is set by the form$/);
});

Deno.test("Python code writes values of tools as Python does", () => {
  const parameters = { type: "object", additionalProperties: false, default: null };
  const code = snippet("Python", {
    model: "m",
    messages: [{ role: "tool", content: "a", tool_call_id: "c" }],
    tools: [{ type: "function", function: { name: "f", parameters } }],
  }, "http://127.0.0.1:8080");
  assert.ok(code.includes('        {"role": "tool", "content": "a", "tool_call_id": "c"},\n'));
  assert.ok(code.includes('"additionalProperties": False, "default": None}}}],\n'));
});
