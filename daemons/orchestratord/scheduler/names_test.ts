import assert from "node:assert/strict";
import { A, B, model, pool, Run, submit } from "../testing/scheduler.ts";
import { circles, meaningOf, type Names, type NameSettings, withParameters } from "./names.ts";
import { meaningIn, nameIndex, nameWarnings, resolveChoice } from "./resolve.ts";

function namesOf(all: Record<string, Partial<NameSettings> & { target: string }>): Names {
  return new Map(
    Object.entries(all).map(([name, settings]) => [name, {
      fallback: undefined,
      parameters: {},
      fixed: [],
      context: undefined,
      showTarget: false,
      ...settings,
    }]),
  );
}

Deno.test("a model's own name means that model, and sets nothing", () => {
  const { isConfigured, choices, parameters, context } = meaningOf(namesOf({}), "qwen");
  assert.equal(isConfigured, false);
  assert.deepEqual([choices, parameters, context], [
    [{ as: "qwen", model: "qwen" }],
    {},
    undefined,
  ]);
});

Deno.test("a name that points to a name goes before it; the smaller context counts, and what either fixes", () => {
  const names = namesOf({
    outer: { target: "inner", parameters: { temperature: 1 }, context: 9000, showTarget: true },
    inner: {
      target: "qwen",
      fallback: "llama",
      parameters: { temperature: 0, top_p: 0.5 },
      fixed: ["top_p"],
      context: 8000,
    },
  });
  assert.deepEqual(meaningOf(names, "outer"), {
    name: "outer",
    isConfigured: true,
    choices: [{ as: "outer", model: "qwen" }, { as: "llama", model: "llama" }],
    parameters: { temperature: 1, top_p: 0.5 },
    fixed: ["top_p"],
    context: 8000,
    // What the inner name hides stays hidden.
    showTarget: false,
  });
});

Deno.test("fallbacks follow each other, each under its own name, and change only the model", () => {
  const names = namesOf({
    fast: { target: "small", fallback: "slow", parameters: { temperature: 0 } },
    slow: { target: "large", fallback: "last", parameters: { temperature: 2 } },
  });
  const { choices, parameters } = meaningOf(names, "fast");
  assert.deepEqual(choices, [
    { as: "fast", model: "small" },
    { as: "slow", model: "large" },
    { as: "last", model: "last" },
  ]);
  assert.deepEqual(parameters, { temperature: 0 });
});

Deno.test("names that lead back to themselves are found, by targets and fallbacks, with their way", () => {
  const problems = circles(namesOf({
    self: { target: "self" },
    a: { target: "b" },
    b: { target: "qwen", fallback: "a" },
    fine: { target: "a", fallback: "qwen" },
  }));
  assert.deepEqual(problems, [
    { name: "self", field: "target", message: "is the name itself" },
    { name: "a", field: "target", message: "leads back to a: a → b → a" },
    { name: "b", field: "fallback", message: "leads back to b: b → a → b" },
  ]);
});

Deno.test("a client's own value goes before a parameter, unless that is fixed", () => {
  const settings = { parameters: { temperature: 0.2, top_p: 0.5, max_tokens: 9 }, fixed: [] };
  assert.deepEqual(withParameters({ temperature: 1, prompt: "x" }, settings), {
    ...{ prompt: "x", temperature: 1, top_p: 0.5, max_tokens: 9 },
  });
  const fixed = withParameters({ temperature: 1 }, { ...settings, fixed: ["temperature"] });
  assert.equal(fixed.temperature, 0.2);
});

Deno.test("variables of the chat template are taken one by one, and only by chats", () => {
  const messages = [{ role: "user" as const, content: "x" }];
  const parameters = {
    chat_template_kwargs: { enable_thinking: true, style: "short" },
    reasoning_effort: "low" as const,
  };
  const by = (fields: Parameters<typeof withParameters>[0], fixed: "chat_template_kwargs"[] = []) =>
    withParameters(fields, { parameters, fixed });
  assert.deepEqual(by({ prompt: "x" }), { prompt: "x" });
  assert.deepEqual(by({ messages }), { messages, ...parameters });
  // A client that sets one of the thinking fields gets no default for the other.
  assert.deepEqual(by({ messages, chat_template_kwargs: { enable_thinking: false } }), {
    messages,
    chat_template_kwargs: { enable_thinking: false, style: "short" },
  });
  assert.deepEqual(by({ messages, reasoning_effort: "none" }), {
    messages,
    reasoning_effort: "none",
    chat_template_kwargs: { style: "short" },
  });
  const fixed = by({ messages, chat_template_kwargs: { style: "long", own: 1 } }, [
    "chat_template_kwargs",
  ]);
  assert.deepEqual(fixed.chat_template_kwargs, { enable_thinking: true, style: "short", own: 1 });
});

Deno.test("configured names are found as models are, and go before a model of the same name", () => {
  const run = new Run();
  run.at(0, pool([], { models: [model(A), model(B)] }));
  const index = nameIndex(run.state.pools.values());
  const names = namesOf({ "gpt-4o-mini": { target: "a" }, b: { target: "a" } });
  for (const given of ["gpt-4o-mini", "gpt-4o-mini:latest", "GPT-4o-Mini", "openai/gpt-4o-mini"]) {
    assert.equal(meaningIn(index, names, given).name, "gpt-4o-mini", given);
  }
  assert.equal(meaningIn(index, names, "A").name, "a");
  const shadowing = meaningIn(index, names, "b");
  assert.equal(
    resolveChoice(index, shadowing, shadowing.choices[0], run.state, true).fingerprint,
    A,
  );
  assert.deepEqual(
    nameWarnings(index, names, run.state).map(({ kind, name }) => [kind, name]),
    [["name_shadows_model", "b"]],
  );
});

Deno.test("a target that no pool has is told to who may see it, and warned of", () => {
  const run = new Run();
  run.at(0, pool([], { models: [model(A)] }));
  const index = nameIndex(run.state.pools.values());
  const names = namesOf({ fast: { target: "gone", fallback: "a" } });
  const meaning = meaningOf(names, "fast");
  const resolve = (sees: boolean) =>
    resolveChoice(index, meaning, meaning.choices[0], run.state, sees);
  assert.throws(() => resolve(true), {
    code: "MODEL_NOT_FOUND",
    message: /^Cannot run "fast", which stands for "gone": Cannot find model "gone"/,
  });
  assert.throws(() => resolve(false), (error: Error) =>
    !JSON.stringify(error).includes("gone") &&
    !error.message.includes("gone"));
  assert.deepEqual(nameWarnings(index, names, run.state).map(({ kind, model }) => [kind, model]), [
    ["name_without_model", "gone"],
  ]);
});

Deno.test("a waiting job with a fallback ends when no pool in service has its model; others wait on", () => {
  const run = new Run();
  run.at(0, pool([], { models: [model(A)] }));
  run.at(1, { kind: "drain_pool", poolId: "p1", until: 0 });
  run.at(2, submit("named", 2, { hasFallback: true }), submit("plain", 2));
  const effects = run.at(100, { kind: "tick" });
  const failed = effects.flatMap((effect) => effect.kind === "fail" ? [effect] : []);
  assert.deepEqual(failed.map(({ jobId, error }) => [jobId, error.code]), [
    ["named", "POOL_UNAVAILABLE"],
  ]);
});
