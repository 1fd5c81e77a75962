import assert from "node:assert/strict";
import { wordsOf } from "./web/figures.ts";
import type { LiveActivity } from "./web/activity.ts";
import { folded } from "./web/folded.ts";
import { formatBytes, formatSmallBytes, formatThings } from "./web/format.ts";
import { baseName, isAskable, labelOf, nameOf, shownNames } from "./web/names.ts";
import { parseOptions } from "./web/further_options.ts";
import { snippet } from "./web/snippets.ts";
import { poolWord } from "./web/words.ts";

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

Deno.test("every name of a model is shown as the same one", () => {
  const other = { ...model, model_ref: "file:/b/alpha.gguf", aliases: ["alpha", "beta"] };
  const ambiguous_aliases = ["alpha"];
  const names = shownNames([
    { ...model, ambiguous_aliases },
    { ...other, ambiguous_aliases },
    { ...model, model_ref: "hf:o/r@1::file=c.gguf", aliases: ["c-long-name", "gamma"] },
  ]);
  assert.equal(names.get("file:/a/alpha.gguf"), "file:/a/alpha.gguf");
  assert.equal(names.get("file:/b/alpha.gguf"), "beta");
  assert.equal(names.get("alpha"), undefined, "two models claim it");
  for (const name of ["hf:o/r@1::file=c.gguf", "c-long-name", "gamma"]) {
    assert.equal(names.get(name), "gamma");
  }
  assert.deepEqual(["file:/x/gone.gguf", "hf:o/r::file=gone.gguf", "a/b"].map(baseName), [
    "gone",
    "gone",
    "a/b",
  ]);
});

Deno.test("memory is in one unit", () => {
  const gib = 2 ** 30;
  assert.deepEqual([0, 1, gib / 8, 1.5 * gib, 24 * gib, 190.4 * gib].map(formatBytes), [
    "0 GiB",
    "< 0.01 GiB",
    "0.13 GiB",
    "1.5 GiB",
    "24.0 GiB",
    "190 GiB",
  ]);
  assert.deepEqual([12, 2_048, 3 * 2 ** 21].map(formatSmallBytes), ["12 B", "2.0 KiB", "6.0 MiB"]);
});

Deno.test("an event says for how long a pool has been silent", () => {
  const last_seen_at = new Date(1_000_000).toISOString();
  const silent = { status: "unavailable", last_seen_at } as const;
  assert.equal(poolWord(silent, 1_045_900), "no heartbeat for 45 s");
  assert.equal(poolWord(silent, 1_000_010), "no heartbeat for 0 s");
  assert.equal(poolWord({ status: "available", last_seen_at }, 1_045_900), "in service");
});

Deno.test("events that repeat are one row, whatever their jobs, workers and counts are", () => {
  let id = 0;
  const event = (kind: "spawn" | "spawn_failed" | "exit", more: Partial<LiveActivity> = {}) => ({
    ...{ id: String(++id), kind, at: "", message: "", pool_id: "p", model: "m" },
    ...more,
  });
  const load = () => event("spawn", { reason: `${id} jobs wait for it` });
  const failed = (reason = "no memory") => event("spawn_failed", { reason });
  const rows = folded([
    ...[load(), failed(), load(), failed(), failed("no file"), load()],
    event("exit", { worker_id: "w1", message: "Worker w1 ended" }),
    event("exit", { worker_id: "w2", message: "Worker w2 ended" }),
    ...["a", "b", "c", "d", "e", "f"].map((model) => event("exit", { model })),
    load(),
  ]);
  assert.deepEqual(rows.slice(0, 4).map(({ latest, earlier }) => [latest.kind, earlier.length]), [
    ["spawn", 2],
    ["spawn_failed", 1],
    ["spawn_failed", 0],
    ["exit", 1],
  ]);
  assert.deepEqual(rows.at(-1)?.earlier, [], "it is too far from the others");
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
  assert.match(wordsOf({ ...one, reason: "length" }), /, cut off at its limit$/);
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
