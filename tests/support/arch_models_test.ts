import assert from "node:assert/strict";
import { join } from "node:path";
import type { LlamaSettings } from "#shared/config/llama.ts";
import { textOf } from "../../daemons/worker/testing/generator.ts";
import { using } from "../../daemons/worker/testing/llama.ts";
import {
  type ArchModelOptions,
  writeHybridModel,
  writeHybridMtpModel,
  writeMoeModel,
  writeMtpModel,
  writeRandomAdapter,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "./arch_models.ts";
import type { Facts } from "./arch_models_facts.ts";
import { writeRandomModel } from "./models.ts";

const WRITERS: Readonly<Record<string, (path: string) => void>> = {
  moe: writeMoeModel,
  hybrid: writeHybridModel,
  recurrent: writeRecurrentModel,
  window: writeSlidingWindowModel,
  mtp: writeMtpModel,
  exactMtp: (path) => writeMtpModel(path, { noise: 0 }),
  hybridMtp: writeHybridMtpModel,
};

async function inTempDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** With these, results differ least with the sizes of batches. */
const EXACT: LlamaSettings = { cache_type_k: "f32", cache_type_v: "f32" };

/** Longer than a window of 32 tokens. */
const LONG = Array.from({ length: 50 }, (_, index) => ` w${index * 7 % 200}`).join("");

for (const [name, write] of Object.entries(WRITERS)) {
  Deno.test(`the model "${name}" generates the same words again after the same prompt`, () =>
    inTempDir(async (dir) => {
      const path = join(dir, "model.gguf");
      write(path);
      const { size } = await Deno.stat(path);
      assert.ok(size > 100_000 && size < 2_000_000, `it has ${size} bytes`);
      await using(path, { context: 256, settings: EXACT }, async ({ generate }) => {
        const ask = async (prompt: string) => textOf(await generate({ prompt, max_tokens: 40 }));
        const text = await ask(LONG);
        const words = text.trim().split(" ");
        assert.equal(words.length, 40, text);
        assert.ok(new Set(words).size > 10, `it must not fall into a loop at once: ${text}`);
        // What stands in between takes the cache of the first prompt.
        assert.notEqual(await ask("w1 w2 w3"), text);
        assert.equal(await ask(LONG), text);
      });
    }));

  Deno.test(`the model "${name}" is the same to the byte each time that it is written`, () =>
    inTempDir(async (dir) => {
      const [once, again] = [join(dir, "once"), join(dir, "again")];
      write(once);
      write(again);
      assert.deepEqual(await Deno.readFile(once), await Deno.readFile(again));
    }));
}

Deno.test("a shape that no model can have is refused", () => {
  const write = (options: ArchModelOptions) => () => writeMoeModel("/nowhere.gguf", options);
  assert.throws(write({ heads: 3 }), /3 heads must divide the width 64/);
  assert.throws(write({ vocabulary: 100 }), /must be at least 272: current value is 100/);
});

Deno.test("an adapter makes a random model generate another text", () =>
  inTempDir(async (dir) => {
    const [model, adapter] = [join(dir, "model.gguf"), join(dir, "adapter.gguf")];
    writeRandomModel(model);
    writeRandomAdapter(adapter);
    const options = { context: 128, settings: EXACT, adapters: { other: adapter } };
    await using(model, options, async ({ generate }) => {
      const ask = async (fields: Record<string, unknown>) =>
        textOf(await generate({ prompt: "w1 w2 w3", max_tokens: 20, ...fields }));
      const plain = await ask({});
      const adapted = await ask({ lora: "other" });
      assert.notEqual(adapted, plain);
      assert.equal(adapted.trim().split(" ").length, 20, adapted);
      assert.equal(await ask({ lora: "other" }), adapted);
      assert.equal(await ask({}), plain);
    });
  }));

Deno.test({
  name: "llama.cpp says of each model what it was written for, and drafts with those that can",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inTempDir(async (dir) => {
      const names = Object.keys(WRITERS);
      const paths = names.map((name) => join(dir, name));
      names.forEach((name, at) => WRITERS[name]!(paths[at]!));
      const script = new URL("./arch_models_facts.ts", import.meta.url).pathname;
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "--no-check", "-A", script, ...paths],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr).slice(-2000));
      const all = JSON.parse(new TextDecoder().decode(stdout)) as Facts[];
      const facts = new Map(names.map((name, at) => [name, all[at]!]));

      const cutsBack = { without: true, withFour: true };
      const none = { isHybrid: false, isRecurrent: false, window: 0, draftLayers: 0, cutsBack };
      const expected: Record<string, Omit<Facts, "greedy">> = {
        moe: none,
        hybrid: { ...none, isHybrid: true, cutsBack: { without: false, withFour: true } },
        recurrent: { ...none, isRecurrent: true, cutsBack: { without: false, withFour: false } },
        window: { ...none, window: 32 },
        mtp: { ...none, draftLayers: 1 },
        exactMtp: { ...none, draftLayers: 1 },
        hybridMtp: {
          ...none,
          isHybrid: true,
          draftLayers: 1,
          cutsBack: { without: false, withFour: true },
        },
      };
      for (const [name, { greedy, drafted, ...rest }] of facts) {
        assert.deepEqual(rest, expected[name], name);
        assert.equal(drafted !== undefined, rest.draftLayers > 0, name);
        if (drafted) assert.deepEqual(drafted.tokens, greedy, name);
      }
      // Of three drafts in each round.
      const accepted = (name: string) => facts.get(name)?.drafted?.accepted ?? [];
      const share = (name: string) =>
        accepted(name).reduce((sum, count) => sum + count, 0) / (3 * accepted(name).length);
      assert.ok(share("exactMtp") > 0.9, `only ${share("exactMtp")} of exact drafts are right`);
      for (const name of ["mtp", "hybridMtp"]) {
        assert.ok(new Set(accepted(name)).size > 2, `${name} drafts ${accepted(name)}`);
      }
    }),
});
