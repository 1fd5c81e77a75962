import assert from "node:assert/strict";
import { join } from "node:path";
import { scriptWord, writeScriptModel } from "../support/script_model.ts";
import { withService } from "../support/service.ts";

/** Says the script of this index, with thoughts between marks. */
const template = (script: number) =>
  "{% for message in messages %}<|turn|>{{ message.role }}\n{% if message.reasoning_content %}" +
  "<think>\n{{ message.reasoning_content }}\n</think>\n{% endif %}{{ message.content }}{% endfor %}" +
  `{% if add_generation_prompt %}${scriptWord(script)}<|turn|>assistant\n{% endif %}`;

Deno.test("a copy of a model may have a chat template of its own, and thoughts go on where they were begun", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-templates-" });
  try {
    const models = join(folder, "models");
    await Deno.mkdir(models);
    const file = join(folder, "two.jinja");
    await Deno.writeTextFile(file, template(1));
    for (const name of ["one", "two"]) {
      writeScriptModel(join(models, `${name}.gguf`), {
        scripts: ["first", "second", "it is</think>\nthird"],
        template: template(0),
        control: ["<|turn|>"],
        userDefined: ["<think>", "</think>"],
      });
    }
    const poolManagerd = "worker.threads = 1\n" +
      `worker.models.two.chat_template_file = ${JSON.stringify(file)}\n`;
    await withService(models, async ({ orchestratord: { url } }) => {
      const answer = async (model: string, ...messages: unknown[]) => {
        const reply = await fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model, messages }),
        });
        assert.ok(reply.ok, await reply.clone().text());
        return (await reply.json()).choices[0].message;
      };
      const hello = { role: "user", content: "Hello" };
      assert.equal((await answer("one", hello)).content, "first");
      assert.equal((await answer("two", hello)).content, "second");

      const ask = { role: "user", content: `Say ${scriptWord(2)}` };
      const begun = { role: "assistant", content: "<think>\nI think " };
      const { content, reasoning_content } = await answer("one", ask, begun);
      assert.deepEqual([reasoning_content, content], ["it is", "third"]);
    }, { poolManagerd });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
