import assert from "node:assert/strict";
import { join } from "node:path";
import { scriptWord, writeScriptModel } from "../support/script_model.ts";
import { withService } from "../support/service.ts";

/** Numbers that JavaScript would write in another way. */
const PARAMETERS = '{"type":"object","properties":{"id":{"type":"integer",' +
  '"maximum":12345678901234567890},"share":{"type":"number","minimum":1.0}}}';
const KWARGS = '{"limit":1.0,"ids":[9007199254740993]}';

/** Chooses the second script if the numbers are in the prompt as the client wrote them. */
const TEMPLATE = "{% if tools %}{% set written = tools | tojson %}{{ written }}{% endif %}" +
  "{% for message in messages %}<|turn|>{{ message.role }}\n{{ message.content }}{% endfor %}" +
  "{% if tools and '\"maximum\": 12345678901234567890}' in written and " +
  "'\"minimum\": 1.0}' in written and limit | default(0) | tojson == '1.0' and " +
  `ids | default(0) | tojson == '[9007199254740993]' %}${scriptWord(1)}{% else %}${
    scriptWord(0)
  }{% endif %}` +
  "<|turn|>assistant\n";

Deno.test("numbers of schemas and template variables reach the prompt as the client wrote them", async () => {
  const models = await Deno.makeTempDir({ prefix: "llorch-numbers-" });
  try {
    writeScriptModel(join(models, "script.gguf"), {
      scripts: ["changed", "kept"],
      template: TEMPLATE,
      control: ["<|turn|>"],
    });
    await withService(models, async ({ orchestratord: { url } }) => {
      const request = '"model":"script","messages":[{"role":"user","content":"Hello"}],' +
        `"tools":[{"type":"function","function":{"name":"f","parameters":${PARAMETERS}}}],` +
        `"chat_template_kwargs":${KWARGS}`;
      const chat = await post(`${url}/v1/chat/completions`, `{${request}}`);
      assert.equal(chat.choices[0].message.content, "kept", "/v1");
      const { job_id } = await post(`${url}/v2/tasks`, `{${request}}`);
      const events = await (await fetch(`${url}/v2/tasks/${job_id}/events`)).text();
      assert.match(events, /event: end/);
      const job = await (await fetch(`${url}/v2/tasks/${job_id}`)).json();
      assert.equal(job.output, "kept", "/v2, by way of the database");
      const changed = await post(
        `${url}/v1/chat/completions`,
        `{${request.replace(":1.0}", ":1}")}}`,
      );
      assert.equal(changed.choices[0].message.content, "changed", "the template tells them apart");
    }, { poolManagerd: "worker.threads = 1" });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});

async function post(url: string, body: string) {
  const headers = { "content-type": "application/json" };
  const reply = await fetch(url, { method: "POST", headers, body });
  assert.ok(reply.ok, await reply.clone().text());
  return await reply.json();
}
