import assert from "node:assert/strict";
import { crashReason, isOfTheFile, loadError } from "./load_error.ts";

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
  const header = "gguf_init_from_reader: failed to read magic";
  const after = "llama_model_load: error loading model: llama_model_loader: failed to load model";
  assert.equal(loadError([header, after]), "failed to read magic", "the header's line comes first");
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
      "/build/llama.cpp/src/llama-vocab.cpp:2501: GGML_ASSERT(a == b) failed",
      "/build/llama.cpp/src/models/qwen3.cpp:12: GGML_ASSERT(n > 0) failed",
      "/build/llama.cpp/ggml/src/ggml-cpu/ops.cpp:3949: GGML_ASSERT(eps >= 0.0f) failed",
      "/build/llama.cpp/ggml/src/ggml.c:3000: GGML_ASSERT(ggml_can_mul_mat(a, b)) failed",
    ]
  ) assert.ok(isOfTheFile(["loading", line]), line);
  for (
    const line of [
      "alloc: failed to allocate buffer",
      "ggml_cuda_init: no device",
      "/build/llama.cpp/ggml/src/ggml-cuda/ggml-cuda.cu:88: CUDA error",
      "/build/llama.cpp/ggml/src/ggml-backend.cpp:222: GGML_ASSERT(buffer) failed",
      "/build/llama.cpp/src/llama-context.cpp:12: GGML_ASSERT(n_ctx > 0) failed",
      "llama_model_load: error loading model: unable to allocate CUDA0 buffer",
      "A context size of 4096 is too large for the available VRAM",
    ]
  ) assert.ok(!isOfTheFile([line]), line);
});

Deno.test("crashReason() says what failed and where, without the folders of a build", () => {
  assert.equal(
    crashReason("/build/llama.cpp/src/llama-vocab.cpp:2501: GGML_ASSERT(a == b) failed\n"),
    "llama.cpp does not expect this: GGML_ASSERT(a == b) failed (llama-vocab.cpp:2501)",
  );
  assert.equal(
    crashReason("C:\\llama\\ops.cpp:7: a\x1bb"),
    "llama.cpp does not expect this: a b (ops.cpp:7)",
  );
  assert.equal(crashReason(""), "llama.cpp ended the process");
});
