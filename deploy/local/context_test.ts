import assert from "node:assert/strict";
import type { FoundModel } from "#shared/models/scan.ts";
import { chooseContext, describeContext } from "./context.ts";

const GIB = 2 ** 30;

/** A model of 1 GiB whose cache takes 128 KiB for a token. */
const model = (context_length: number): FoundModel => ({
  model_ref: "file:/m.gguf",
  aliases: ["m"],
  fingerprint: "f",
  path: "/m.gguf",
  size_bytes: GIB,
  architecture: "llama",
  context_length,
  weight_bytes: GIB,
  kv_bytes_per_token: 128 * 1024,
  compute_bytes: 0,
});

const device = (gib: number) => ({ id: "cpu", free_bytes: gib * GIB });

Deno.test("chooseContext() takes the model's own context where that fits", () => {
  const choice = chooseContext(model(20_000), device(64), 4);
  assert.deepEqual([choice.context, choice.limit], [20_000, "model"]);
  assert.match(
    describeContext(choice, 4),
    /^context {9}20000 tokens for each of 4 slots, the model's own: about 10\.\d GiB of 64\.0 GiB free on cpu; --context sets another$/,
  );
});

Deno.test("chooseContext() takes 32768 of a model that could do more", () => {
  const choice = chooseContext(model(131_072), device(64), 4);
  assert.deepEqual([choice.context, choice.limit], [32_768, "most"]);
});

Deno.test("chooseContext() takes what fits into most of the free memory", () => {
  const choice = chooseContext(model(131_072), device(8), 4);
  assert.equal(choice.limit, "memory");
  assert.equal(choice.context % 1024, 0);
  assert.ok(choice.bytes <= 8 * GIB * 0.8);
  const { bytes } = chooseContext(model(choice.context + 1024), device(64), 4);
  assert.ok(bytes > 8 * GIB * 0.8, "more does not fit");
  assert.match(
    describeContext(choice, 4),
    /what fits into memory.*; agents need 16000: fewer --slots leave more for each$/,
  );
});

Deno.test("chooseContext() never takes less than the default, or than a small model's own", () => {
  assert.equal(chooseContext(model(131_072), device(1), 4).context, 4096);
  assert.equal(chooseContext(model(512), device(1), 4).context, 512);
  assert.equal(chooseContext(model(0), device(64), 4).context, 4096, "the file does not have it");
});
