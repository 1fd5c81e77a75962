import assert from "node:assert/strict";
import { join } from "node:path";
import type { LlamaSettings } from "#shared/config/llama.ts";
import { writeMoeModel } from "../../../../tests/support/arch_models.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { textOf } from "../../testing/generator.ts";
import { using } from "../../testing/llama.ts";

async function inTempDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Text that a model generates with some settings, and what the load warned of. */
async function run(path: string, settings: LlamaSettings) {
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  let text = "";
  await using(path, { context: 256, settings, onWarning }, async ({ generate }) => {
    text = textOf(await generate({ prompt: "w1 w2 w3", max_tokens: 24 }));
  });
  return { text, warnings };
}

const EXACT: LlamaSettings = { cache_type_k: "f32", cache_type_v: "f32" };

Deno.test("a mixture of experts gives the same text wherever its tensors are held", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "moe.gguf");
    writeMoeModel(path);
    const plain = await run(path, EXACT);
    assert.equal(plain.text.trim().split(" ").length, 24);
    const all: LlamaSettings[] = [
      { cpu_moe: true },
      { cpu_moe_layers: 1 },
      { tensor_overrides: [String.raw`blk\.\d+\.ffn_.*_exps\.weight$=cpu`, "nothing=cpu"] },
      { cpu_moe: true, tensor_overrides: ["attn_(q|k)=cpu"], no_mmap: true },
    ];
    const advice: string[] = [];
    for (const settings of all) {
      const { text, warnings } = await run(path, { ...EXACT, ...settings });
      assert.equal(text, plain.text, JSON.stringify(settings));
      assert.ok(!warnings.some((line) => line.includes("no experts")), warnings.join("\n"));
      advice.push(...warnings);
    }
    // What llama.cpp says once in a process if it has found a tensor that an override names.
    assert.match(advice.join("\n"), /tensor overrides to CPU are used with mmap/);
  }));

Deno.test("cpu_moe of a model without experts is a warning, and the load goes on", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "dense.gguf");
    writeRandomModel(path);
    const plain = await run(path, EXACT);
    for (const settings of [{ cpu_moe: true }, { cpu_moe_layers: 2 }]) {
      const { text, warnings } = await run(path, { ...EXACT, ...settings });
      assert.equal(text, plain.text);
      assert.ok(
        warnings.includes("the model has no experts: cpu_moe and cpu_moe_layers have no effect"),
        warnings.join("\n"),
      );
    }
  }));

Deno.test("an override to a GPU that the worker lacks fails the load in words", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "moe.gguf");
    writeMoeModel(path);
    await assert.rejects(
      run(path, { tensor_overrides: ["ffn=gpu1"] }),
      /tensor_overrides names gpu1, and the worker has 0 GPUs/,
    );
  }));
