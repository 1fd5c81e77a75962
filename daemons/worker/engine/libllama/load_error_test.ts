import assert from "node:assert/strict";
import { isOfTheFile, loadError } from "./load_error.ts";

Deno.test("loadError() finds llama.cpp's reason why it cannot load a model", () => {
  const log = [
    "llama_model_load: error loading model: error loading model architecture: unknown model " +
    "architecture: 'zlama'",
    "llama_model_load_from_file_impl: failed to load model",
  ];
  assert.equal(loadError(log), "unknown model architecture: 'zlama'");
  assert.equal(
    loadError(["llama_model_load: error loading model: missing tensor 'blk.0.attn_q.weight'"]),
    "missing tensor 'blk.0.attn_q.weight'",
  );
  assert.equal(loadError(["alloc: failed to allocate buffer"]), "failed to allocate buffer");
  assert.equal(loadError(["loading tensors"]), undefined);
});

Deno.test("isOfTheFile() distinguishes a file that can never be loaded from a lack of resources", () => {
  for (
    const line of [
      "llama_model_load: error loading model: unknown model architecture: 'zlama'",
      "check_tensor_dims: tensor 'token_embd.weight' not found",
      "Invalid type or block size",
      "gguf_init_from_reader: failed to read tensor data",
      "error loading model vocabulary: unknown pre-tokenizer type: 'new'",
    ]
  ) assert.ok(isOfTheFile(["loading", line]), line);
  for (
    const line of [
      "alloc: failed to allocate buffer",
      "ggml_cuda_init: no device",
      "llama_model_load: error loading model: unable to allocate CUDA0 buffer",
      "A context size of 4096 is too large for the available VRAM",
    ]
  ) assert.ok(!isOfTheFile([line]), line);
});
