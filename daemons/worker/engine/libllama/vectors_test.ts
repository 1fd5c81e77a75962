import assert from "node:assert/strict";
import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import {
  writeHybridModel,
  writeMoeModel,
  writeMtpModel,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "../../../../tests/support/arch_models.ts";
import { writeEncoderModel } from "../../../../tests/support/encoder_model.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { engineOptions } from "../../testing/llama.ts";
import { words } from "../../testing/states.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";
import type { Engine } from "../engine.ts";
import { loadLibllama } from "./load.ts";

async function using(model: string, work: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await loadLibllama(engineOptions(model, {}));
  try {
    await work(engine);
  } finally {
    await engine.dispose();
  }
}

async function withEncoder(
  purpose: "embed" | "rank",
  work: (engine: Engine) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "encoder.gguf");
    writeEncoderModel(path, { purpose });
    await using(path, work);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const tooLong = (error: unknown) =>
  error instanceof LlorchError && error.code === "CONTEXT_LENGTH_EXCEEDED";

Deno.test("llama.cpp embeds with a model that generates: length 1, the same each time", () =>
  using(DEMO_MODEL, async (engine) => {
    assert.deepEqual(engine.capabilities, ["generate", "tokenize", "embed"]);
    const one = await engine.embed("Once upon a time");
    assert.ok(Math.abs(cosine(one.vector, one.vector) - 1) < 1e-5);
    assert.deepEqual((await engine.embed("Once upon a time")).vector, one.vector);
    const other = await engine.embed("What does the pool manager do?");
    assert.ok(cosine(one.vector, other.vector) < 0.999);
    const tokens = await engine.tokenize("Once upon a time");
    const byTokens = await engine.embed(tokens);
    assert.deepEqual(byTokens.vector, one.vector);
    assert.equal(byTokens.tokens, one.tokens);
    await assert.rejects(engine.embed("word ".repeat(20_000)), tooLong);
  }));

Deno.test("llama.cpp embeds with an encoder, which generates nothing", () =>
  withEncoder("embed", async (engine) => {
    assert.deepEqual(engine.capabilities, ["tokenize", "embed"]);
    assert.equal(engine.sequences.length, 0);
    const { vector, tokens } = await engine.embed("w1 w2 w3");
    assert.equal(vector.length, 64);
    assert.ok(tokens >= 3);
    assert.ok(Math.abs(cosine(vector, vector) - 1) < 1e-5);
    await assert.rejects(engine.embed("w1 ".repeat(300)), tooLong);
  }));

Deno.test("llama.cpp ranks with a model that has a ranking head, and embeds nothing with it", () =>
  withEncoder("rank", async (engine) => {
    assert.deepEqual(engine.capabilities, ["tokenize", "rerank"]);
    const one = await engine.rank("w1", "w2 w3");
    assert.ok(one.score > 0 && one.score < 1);
    assert.deepEqual(await engine.rank("w1", "w2 w3"), one);
    assert.notEqual((await engine.rank("w1", "w4 w5")).score, one.score);
    await assert.rejects(engine.rank("w1", "w1 ".repeat(300)), tooLong);
  }));

const WRITERS: Readonly<Record<string, (path: string) => void>> = {
  encoder: (path) => writeEncoderModel(path, { purpose: "embed" }),
  plain: writeRandomModel,
  "mixture-of-experts": writeMoeModel,
  hybrid: writeHybridModel,
  recurrent: writeRecurrentModel,
  "sliding-window": writeSlidingWindowModel,
  "multi-token prediction": writeMtpModel,
};

for (const [name, write] of Object.entries(WRITERS)) {
  Deno.test(`llama.cpp embeds many inputs at once with a ${name} model as one by one`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = join(folder, "model.gguf");
      write(path);
      await using(path, async (engine) => {
        // More than fit into a batch, shorter and longer than a window.
        const inputs = Array.from(
          { length: 70 },
          (_, seed) =>
            [1, ...words(seed, 2 + (seed * 7) % 60)].map((id) => id % engine.vocabularySize),
        );
        const together = await Promise.all(inputs.map((input) => engine.embed(input)));
        for (const [at, input] of inputs.entries()) {
          const { vector } = await engine.embed(input);
          assert.ok(cosine(vector, together[at]!.vector) > 0.999, `input ${at}`);
        }
        const [one, two] = together;
        assert.ok(cosine(one!.vector, two!.vector) < 0.999, "they differ");
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
