/**
 * What the grammar of a forced call accepts, its own family's reader reads as one call of an offered
 * function and as nothing else: the shortest text of each, and texts at random.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { meaningOf, piecesOf } from "./run_case.ts";
import { readingOf } from "../../../daemons/worker/answers/reading.ts";
import { findSyntax } from "../../../daemons/worker/chat/find_syntax.ts";
import { requestGrammars } from "../../../daemons/worker/grammar/request_grammar.ts";
import { FakeEngine } from "../../../daemons/worker/testing/fake_engine.ts";
import { request } from "../../../daemons/worker/testing/generator.ts";
import { GbnfWalk } from "../../support/gbnf_walk.ts";
import { llamaSource } from "../../support/llama_source.ts";
import { seededRandom } from "../../support/random.ts";
import { TOOLS } from "./expectations.ts";
import { FAMILIES, type Family } from "./families.ts";
import { renderer } from "./render.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

/** Texts at random of each family, and choices in each before it is ended as soon as possible. */
const WALKS = 60;
const CHOICES = 40;

const NO_ARGUMENTS = { type: "function", function: { name: "stop_it" } };

Deno.test({
  name: `what the grammar of a forced call accepts is read as one call${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    for (const family of FAMILIES) {
      await t.step(family.name, async () => {
        for (const tools of [TOOLS, [NO_ARGUMENTS]]) {
          const { texts, read } = await forcedCalls(family, source.folder, tools);
          const names = tools.map((tool) => tool.function.name as string);
          for (const text of texts) {
            for (const controls of [family.control ?? [], []]) {
              const { content, calls } = read(text, controls);
              assert.equal(content, "", text);
              assert.equal(calls.length, 1, text);
              assert.ok(names.includes(calls[0]!.name), text);
              JSON.parse(calls[0]!.arguments);
            }
          }
        }
      });
    }
  },
});

/** Texts that a forced call of a family may have, and how they are read. */
async function forcedCalls(family: Family, folder: string, tools: readonly unknown[]) {
  const file = join(folder, "models/templates", `${family.template}.jinja`);
  const render = renderer(await Deno.readTextFile(file));
  const specials = [...family.control ?? [], ...family.userDefined ?? []];
  const syntax = findSyntax(render, specials);
  const prompt = { tokens: [], syntax, answerStart: answerStart(render, family) };
  const fields = request({
    messages: [{ role: "user", content: "Hi" }],
    ...{ tools, tool_choice: "required", reasoning_effort: "none" },
  });
  const reading = () => readingOf(fields, prompt, new FakeEngine());
  const { hold, reader, closing = "" } = reading();
  const isThinking = reader!.state === "reasoning";
  const { first, afterThought } = await requestGrammars(fields, hold);
  const walk = new GbnfWalk(isThinking ? afterThought! : first!.text);
  const random = seededRandom(7);
  const walks = Array.from({ length: WALKS }, () => walk.random(random, CHOICES));
  return {
    texts: [walk.shortest(), ...walks],
    read: (text: string, controls: readonly string[]) => {
      const reader = reading().reader!;
      const pieces = piecesOf(isThinking ? closing + text : text, controls);
      const parts = pieces.flatMap(({ text, isControl }) => reader.push(text, isControl));
      return meaningOf([...parts, ...reader.end(false)]);
    },
  };
}

/** What a prompt has of the answer's turn. */
function answerStart(
  render: ReturnType<typeof renderer>,
  { thinking: kwargs = {} }: Family,
): string {
  const user = { role: "user", content: "Hi" };
  const [prompt, before] = [true, false].map((addGenerationPrompt) =>
    render([user], [], { addGenerationPrompt, kwargs })
  );
  let shared = 0;
  while (shared < before!.length && before![shared] === prompt![shared]) shared++;
  return prompt!.slice(shared);
}
