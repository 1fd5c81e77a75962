import assert from "node:assert/strict";
import { type Effort, effortKwargs } from "./effort.ts";
import { fromJs } from "./jinja/json.ts";
import { Template } from "./jinja/template.ts";

/** What a template writes for an effort. */
function written(source: string, effort: Effort): string {
  const template = new Template(source, { now: () => new Date(0) });
  const render = (kwargs: Readonly<Record<string, unknown>> = {}) =>
    template.render(Object.entries(kwargs).map(([name, value]) => [name, fromJs(value)] as const));
  return render(effortKwargs((_turns, _tools, { kwargs } = {}) => render(kwargs), effort));
}

Deno.test("effortKwargs() turns thinking on and off", () => {
  const source = "{{ enable_thinking }} {{ thinking }} {{ thinking_mode }}";
  assert.equal(written(source, "none"), "False False disabled");
  assert.equal(written(source, "low"), "True True enabled");
});

Deno.test("effortKwargs() takes the nearest word that a template does not refuse", () => {
  const source = "{% if reasoning_effort is defined %}" +
    "{% if reasoning_effort not in ['no_think', 'low', 'high'] %}" +
    "{{ raise_exception('no') }}{% endif %}{{ reasoning_effort|replace('_', '-') }}{% endif %}";
  const efforts = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;
  assert.deepEqual(efforts.map((effort) => written(source, effort)), [
    ...["no-think", "low", "low", "high", "high", "high"],
  ]);
  const none = "{% if reasoning_effort is defined %}{{ raise_exception('no') }}{% endif %}x";
  assert.equal(written(none, "high"), "x");
});

Deno.test("effortKwargs() takes a word that the template knows to turn thinking off", () => {
  const source = "{{ 'short' if reasoning_effort in ['low', 'minimal'] else 'long' }}";
  assert.deepEqual([written(source, "none"), written(source, "high")], ["short", "long"]);
  assert.equal(written("{{ thinking_budget }}", "none"), "0");
});

Deno.test("effortKwargs() gives a template that writes the word only words that models know", () => {
  const efforts = ["none", "minimal", "medium", "xhigh"] as const;
  assert.deepEqual(efforts.map((effort) => written("Reasoning: {{ reasoning_effort }}", effort)), [
    "Reasoning: low",
    "Reasoning: low",
    "Reasoning: medium",
    "Reasoning: high",
  ]);
});
