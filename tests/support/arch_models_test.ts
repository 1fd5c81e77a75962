import assert from "node:assert/strict";
import { join } from "node:path";
import { textOf } from "../../daemons/worker/testing/generator.ts";
import { using } from "../../daemons/worker/testing/llama.ts";
import {
  writeHybridModel,
  writeMoeModel,
  writeMtpModel,
  writeRandomAdapter,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "./arch_models.ts";
import { writeRandomModel } from "./models.ts";

const WRITERS = {
  "mixture of experts": writeMoeModel,
  "hybrid": writeHybridModel,
  "recurrent": writeRecurrentModel,
  "sliding window": writeSlidingWindowModel,
  "multi-token prediction": writeMtpModel,
};

async function inTempDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Longer than a window of 32 tokens. */
const LONG = Array.from({ length: 50 }, (_, index) => ` w${index * 7 % 200}`).join("");

for (const [name, write] of Object.entries(WRITERS)) {
  Deno.test(`a model with ${name} generates the same words again after the same prompt`, () =>
    inTempDir(async (dir) => {
      const path = join(dir, "model.gguf");
      write(path);
      await using(path, { context: 256 }, async ({ generate }) => {
        const ask = async (prompt: string) => textOf(await generate({ prompt, max_tokens: 40 }));
        const text = await ask(LONG + " w1 w2 w3");
        console.log(name, Deno.statSync(path).size, text);
        const words = text.trim().split(" ");
        assert.equal(words.length, 40, text);
        assert.ok(new Set(words).size > 10, `it must not fall into a loop at once: ${text}`);
        const other = await ask(LONG + " w1 w9 w3");
        assert.equal(await ask(LONG + " w1 w2 w3"), text);
        assert.notEqual(other, text);
      });
    }));
}
