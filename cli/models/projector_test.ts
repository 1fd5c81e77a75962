import assert from "node:assert/strict";
import { projectorAmong, projectorPath } from "./projector.ts";

Deno.test("a model's projector is found in its repository, beside it or above, and of 16 bits", () => {
  const files = [
    "README.md",
    "eyes-Q4_K_M.gguf",
    "mmproj-eyes-Q8_0.gguf",
    "mmproj-eyes-f16.gguf",
    "mmproj-other-f16.gguf",
  ];
  assert.equal(projectorAmong(files, "eyes-Q4_K_M.gguf"), "mmproj-eyes-f16.gguf");
  assert.equal(
    projectorAmong(["Q4_K_M/eyes-Q4_K_M.gguf", "mmproj-F16.gguf"], "Q4_K_M/eyes-Q4_K_M.gguf"),
    "mmproj-F16.gguf",
  );
  assert.equal(projectorAmong(["mmproj-other-f16.gguf"], "eyes-Q4_K_M.gguf"), undefined);
  const ultravox = "mmproj-ultravox-v0_5-llama-3_2-1b-f16.gguf";
  const model = "Llama-3.2-1B-Instruct-Q4_K_M.gguf";
  assert.equal(projectorAmong([model, ultravox], model), ultravox);
  assert.equal(projectorAmong([model, "phi.gguf", ultravox], model), undefined, "whose is it?");
  assert.equal(projectorAmong(["elsewhere/mmproj-f16.gguf"], "eyes.gguf"), undefined);
});

Deno.test("a projector lies beside its model, under the model's name", () => {
  assert.equal(projectorPath("/m/eyes-Q4_K_M.gguf"), "/m/eyes-Q4_K_M.mmproj.gguf");
  assert.equal(projectorPath("/m/eyes-00001-of-00002.gguf"), "/m/eyes.mmproj.gguf");
});
