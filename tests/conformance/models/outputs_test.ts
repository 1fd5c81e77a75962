/**
 * What models write, and what it means: the cases of llama.cpp's tests, read from its source at test
 * time, each as one text, cut at every character and character by character. The reader is given the
 * template and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { llamaSource } from "../../support/llama_source.ts";
import { exchanged, exchangedCase } from "./exchange.ts";
import { type LlamaCase, llamaCases } from "./llama_cases.ts";
import { runCase } from "./run_case.ts";

/** Where we differ from llama-server on purpose. */
const DIFFERENCES: readonly {
  readonly template: string;
  readonly input: RegExp;
  readonly reason: string;
}[] = [
  {
    template: "mistralai-Ministral-3-14B-Reasoning-2512.jinja",
    input: /```json\n/,
    reason: "a fence around an answer that has a schema is text; a grammar does not let it come",
  },
  {
    template: "meta-llama-Llama-3.1-8B-Instruct.jinja",
    input: /^```json\n/,
    reason: "a fence around an answer that has a schema is text; a grammar does not let it come",
  },
  {
    template: "Apriel-1.6-15b-Thinker-fixed.jinja",
    input: /^I'm\nthinking/,
    reason: "what the template itself writes at a thought's beginning is no part of the thought",
  },
  {
    template: "Qwen3.5-4B.jinja",
    input: /^<think>/,
    reason: "a mark that opens a thought again at its beginning is a mark",
  },
];

/** Templates whose marks are exchanged for other words. */
const EXCHANGED: readonly string[] = [
  "Qwen-QwQ-32B.jinja",
  "Qwen3-Coder.jinja",
  "Qwen3.5-4B.jinja",
  "GLM-4.7-Flash.jinja",
  "deepseek-ai-DeepSeek-V3.1.jinja",
  "Kimi-K2-Thinking.jinja",
  "MiniMax-M2.jinja",
  "mistralai-Ministral-3-14B-Reasoning-2512.jinja",
  "google-gemma-4-31B-it.jinja",
];

const source = await llamaSource();
if ("why" in source) {
  console.warn(`Skipped what models write: ${source.why}`);
} else {
  const cases = llamaCases(await Deno.readTextFile(join(source.folder, "tests/test-chat.cpp")));
  const templates = Map.groupBy(cases, (test) => test.template);
  const textOf = (template: string) =>
    Deno.readTextFileSync(join(source.folder, "models/templates", template));

  Deno.test("llama.cpp's tests are read whole", () => {
    assert.ok(cases.length >= 400, `${cases.length} cases`);
    assert.ok(templates.size >= 50, `${templates.size} templates`);
    for (const { reason, template, input } of DIFFERENCES) {
      assert.ok(cases.some((test) => test.template === template && input.test(test.input)), reason);
    }
  });

  for (const [template, tests] of templates) {
    Deno.test(`${template} is read as llama.cpp reads it`, () => {
      const text = textOf(template);
      assert.deepEqual(tests.flatMap((test) => problemOf(test, text)), []);
    });
  }

  for (const template of EXCHANGED) {
    Deno.test(`${template} is read with other words in its marks`, () => {
      const text = exchanged(textOf(template));
      assert.notEqual(text, textOf(template));
      const tests = templates.get(template)!.map(exchangedCase);
      assert.deepEqual(tests.flatMap((test) => problemOf(test, text)), []);
    });
  }
}

/** Problems of a case; one where we differ on purpose has to differ. */
function problemOf(test: LlamaCase, template: string): string[] {
  const difference = DIFFERENCES.find((each) =>
    each.template === test.template && each.input.test(unexchanged(test.input)) &&
    (test.hasSchema || !each.reason.includes("schema"))
  );
  const problem = runCase(test, template);
  if (difference) return problem === undefined ? [`no difference: ${difference.reason}`] : [];
  return problem === undefined ? [] : [`${JSON.stringify(test.input)}: ${problem}`];
}

function unexchanged(input: string): string {
  return input.replaceAll("ponder", "think");
}
