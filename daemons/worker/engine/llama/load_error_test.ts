import assert from "node:assert/strict";
import { loadError } from "./load_error.ts";

Deno.test("loadError() finds what llama.cpp says of a model that it cannot load", () => {
  const said = [
    "llama_model_load: error loading model: error loading model architecture: unknown model " +
    "architecture: 'zlama'",
    "llama_model_load_from_file_impl: failed to load model",
  ];
  assert.equal(loadError(said), "unknown model architecture: 'zlama'");
  assert.equal(
    loadError(["llama_model_load: error loading model: missing tensor 'blk.0.attn_q.weight'"]),
    "missing tensor 'blk.0.attn_q.weight'",
  );
  assert.equal(loadError(["alloc: failed to allocate buffer"]), "failed to allocate buffer");
  assert.equal(loadError(["loading tensors"]), undefined);
});
