/**
 * llama-server's own routes as orchestratord answers them, beside llama-server with the same file.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { isRecord } from "#shared/json.ts";
import { readSse } from "#shared/http/sse.ts";
import { type Post, whyNoPeer, withPeer } from "../support/peer.ts";
import { ROOT, until, withStack } from "../support/stack.ts";

const reason = whyNoPeer();
const DEMO = join(ROOT, "catalog/demo/demo.gguf");

/** Fields of theirs that we do not have: numbers of slots, and what belongs to their program. */
const ONLY_THEIRS = new Set([
  ...["id_slot", "ui", "ui_settings", "webui", "webui_settings", "media_marker", "model_ftype"],
  ...["cors_proxy_enabled", "chat_template_tool_use", "generation_settings"],
]);

/** The names of a reply's fields, with those of the objects in it. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (!isRecord(value)) return typeof value;
  const fields = Object.entries(value).filter(([name]) => !ONLY_THEIRS.has(name));
  return Object.fromEntries(fields.sort().map(([name, each]) => [name, shapeOf(each)]));
}

async function withBoth(work: (ours: Post, theirs: Post, url: string) => Promise<void>) {
  const models = await Deno.makeTempDir({ prefix: "llorch-routes-" });
  try {
    await Deno.copyFile(DEMO, join(models, "demo.gguf"));
    await withPeer(
      DEMO,
      (theirs) =>
        withStack({ models, model: "demo", context: 2048, slots: 1 }, async ({ url }) => {
          const ours: Post = async (path, body) => {
            const reply = await fetch(
              url + path,
              body && { method: "POST", body: JSON.stringify(body) },
            );
            assert.ok(reply.ok, await reply.clone().text());
            return await reply.json();
          };
          await work(ours, theirs, url);
        }),
    );
  } finally {
    await Deno.remove(models, { recursive: true });
  }
}

Deno.test({
  name: `llama-server's own routes answer as llama-server does${reason ? ` (${reason})` : ""}`,
  ignore: reason !== undefined,
  fn: () =>
    withBoth(async (ours, theirs, url) => {
      const same = async (path: string, body: Record<string, unknown>) =>
        assert.deepEqual(await ours(path, body), await theirs(path, body), path);
      for (
        const more of [
          {},
          { add_special: true },
          { with_pieces: true, add_special: true },
          { parse_special: false },
        ]
      ) {
        // A begin token that is written already is not put there again, as theirs is.
        for (const content of ["Once upon a time", "", "a<s>é漢😀</s> x"]) {
          await same("/tokenize", { content, ...more });
        }
      }
      const { tokens } = await ours("/tokenize", { content: "Once é漢", add_special: true });
      await same("/detokenize", { tokens });
      await same("/detokenize", { tokens: [] });
      await same("/apply-template", {
        messages: [
          { role: "user", content: "Hi <s> you" },
          { role: "assistant", content: "Hello" },
          { role: "user", content: "Go on" },
        ],
      });

      const body = { prompt: "Once upon a time", n_predict: 3, temperature: 0, n_probs: 2 };
      const [own, other] = [await ours("/completion", body), await theirs("/completion", body)];
      assert.equal(own["content"], other["content"]);
      for (const name of ["tokens_predicted", "tokens_evaluated", "stop_type", "stopping_word"]) {
        assert.equal(own[name], other[name], name);
      }
      assert.deepEqual(shapeOf(own), shapeOf(other));
      const settings = Object.keys(own["generation_settings"] as object);
      const known = new Set(Object.keys(other["generation_settings"] as object));
      assert.deepEqual(settings.filter((name) => !known.has(name)), []);

      // A reader gets the newest figures only: one that comes late sees none of the prompt's.
      await until("a stream tells how much of the prompt is evaluated", async () => {
        const reply = await fetch(`${url}/completion`, {
          method: "POST",
          body: JSON.stringify({ ...body, n_probs: 0, stream: true, return_progress: true }),
        });
        const chunks: Record<string, unknown>[] = [];
        for await (const { data } of readSse(reply.body!)) chunks.push(JSON.parse(data));
        assert.equal(chunks.map(({ content }) => content).join(""), other["content"]);
        assert.deepEqual(chunks.at(-1)?.["stop"], true);
        const progress = chunks[0]!["prompt_progress"];
        if (progress === undefined) return false;
        const fields = ["total", "cache", "processed", "time_ms"];
        assert.deepEqual(Object.keys(progress as object), fields);
        return true;
      });

      const props = await ours("/props");
      const { default_generation_settings: _, ...rest } = props;
      const { default_generation_settings: __, ...theirProps } = await theirs("/props");
      assert.deepEqual(
        Object.keys(rest).filter((name) => !(name in theirProps)),
        [],
      );
      for (const name of ["chat_template", "bos_token", "eos_token", "total_slots"]) {
        assert.equal(rest[name], theirProps[name], name);
      }
      assert.ok(!JSON.stringify(props).includes(".gguf"));
    }),
});
