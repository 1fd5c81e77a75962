/**
 * Every family's forced calls and schemas, whatever its model would write: after a thought, after one
 * that the model does not end, after one that is closed for it, and after the beginning of an answer
 * that the request has.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { llamaSource } from "../../support/llama_source.ts";
import { scriptWord } from "../../support/script_model.ts";
import { fromEvents } from "./answers.ts";
import { ANSWER, FAMILIES, type Family } from "./families.ts";
import { writeFamily } from "./family_file.ts";
import type { Execute } from "./table.ts";
import { withWorker } from "./with_worker.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

const SIZES = ["small", "large"];
const properties = { size: { enum: SIZES } };
const SCHEMA = { type: "object", properties, required: ["size"] };
const TOOLS = [{ type: "function", function: { name: "set_size", parameters: SCHEMA } }];

/** What the model says: an answer after a thought, and a thought that it does not end. */
const scriptsOf = ({ thought: [before, after] = ["", ""], answer: [open] = ["", ""] }: Family) => [
  `${before}I think.${after}${open}${ANSWER}`,
  `${before}I think.`,
];

Deno.test({
  name: `every family's forced calls and schemas are held, whatever its model would write${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    const folder = await Deno.makeTempDir({ prefix: "llorch-held-families-" });
    try {
      for (const family of FAMILIES) {
        const path = join(folder, "family.gguf");
        await writeFamily(path, family, source.folder, scriptsOf(family));
        await withWorker(path, async (execute) => {
          await t.step(family.name, async () => {
            await check(family, execute);
            await checkBegun(family, execute);
          });
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const START = '{"size": "l';

/** Asks for the rest of an answer whose beginning the request has. */
async function checkBegun(family: Family, execute: Execute): Promise<void> {
  const ask = (content: string) =>
    execute({
      messages: [
        { role: "user", content: `Say ${scriptWord(0)}` },
        { role: "assistant", content },
      ],
      ...{ temperature: 0, max_tokens: 400, json_schema: SCHEMA },
      ...(family.thinking ? { chat_template_kwargs: family.thinking } : {}),
    });
  const { content, reasoning, reason } = fromEvents(await ask(START));
  assert.deepEqual([reasoning, reason], ["", "EOS"]);
  assert.deepEqual(JSON.parse(START + content), { size: "large" });
  await assert.rejects(ask("It is"), /messages\.1\.content/);
}

async function check(family: Family, execute: Execute): Promise<void> {
  for (const script of family.thought ? [0, 1] : [0]) {
    for (const limit of [{}, { reasoning_budget_tokens: 0 }]) {
      const ask = async (fields: Record<string, unknown>) => {
        const { thinking } = family;
        const messages = [{ role: "user", content: `Say ${scriptWord(script)}` }];
        const request = {
          ...{ messages, temperature: 0, max_tokens: 400, ...limit, ...fields },
          ...(thinking ? { chat_template_kwargs: thinking } : {}),
        };
        return fromEvents(await execute(request));
      };
      const at = `script ${script}, ${JSON.stringify(limit)}`;
      const called = await ask({ tools: TOOLS, tool_choice: "required" });
      assert.deepEqual([called.content, called.reason], ["", "TOOL_CALLS"], at);
      assert.equal(called.calls.length, 1, at);
      const [call] = called.calls;
      assert.equal(call!.name, "set_size", at);
      assert.ok(SIZES.includes(JSON.parse(call!.arguments).size), at);
      const said = await ask({ json_schema: SCHEMA });
      assert.deepEqual([said.calls, said.reason], [[], "EOS"], at);
      assert.ok(SIZES.includes(JSON.parse(said.content).size), at);
    }
  }
}
