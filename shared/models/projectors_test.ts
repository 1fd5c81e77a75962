import assert from "node:assert/strict";
import { type Projector, projectorOf } from "./projectors.ts";

const projector = (path: string, width = 2048): Projector => ({
  ...{ path, width, sizeBytes: 1, sees: true, hears: false },
});

/** The projector that is found for a model of width 2048, by the names of the files. */
function found(model: string, ...names: readonly string[]): string | undefined {
  return projectorOf(model, 2048, names.map((name) => projector(name)))?.path;
}

Deno.test("a projector is found by the names that people give it", () => {
  const model = "/m/Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf";
  for (
    const name of [
      "Qwen2.5-VL-3B-Instruct-Q4_K_M.mmproj.gguf",
      "mmproj-Qwen2.5-VL-3B-Instruct-f16.gguf",
      "Qwen2.5-VL-3B-Instruct-mmproj-BF16.gguf",
      "Qwen2.5-VL-3B-Instruct.mmproj-Q8_0.gguf",
      "mmproj-model-f16.gguf",
      "mmproj-F16.gguf",
      "mmproj.gguf",
    ]
  ) assert.equal(found(model, `/m/${name}`), `/m/${name}`, name);
});

Deno.test("a projector of another model, or in another folder, is not taken", () => {
  const model = "/m/gemma-3-4b-it-Q4_K_M.gguf";
  assert.equal(found(model, "/m/mmproj-gemma-3-12b-it-f16.gguf"), undefined);
  assert.equal(found(model, "/n/mmproj-gemma-3-4b-it-f16.gguf"), undefined);
  assert.equal(projectorOf(model, 2048, [projector("/m/mmproj-f16.gguf", 1024)]), undefined);
});

Deno.test("among several, the name of the model comes first, then 16-bit numbers", () => {
  const model = "/m/a-q8_0.gguf";
  assert.equal(
    found(model, "/m/mmproj-f16.gguf", "/m/mmproj-a-q8_0.gguf"),
    "/m/mmproj-a-q8_0.gguf",
  );
  assert.equal(
    found(model, "/m/mmproj-a-f32.gguf", "/m/mmproj-a-f16.gguf"),
    "/m/mmproj-a-f16.gguf",
  );
  assert.equal(
    found(model, "/m/mmproj-a-f16.gguf", "/m/a-q8_0.mmproj.gguf"),
    "/m/a-q8_0.mmproj.gguf",
  );
});

Deno.test("the only projector beside the only model is its own, whatever it is called, if it fits", () => {
  const only = (projectors: readonly Projector[], ...models: readonly string[]) =>
    projectorOf(models[0]!, 2048, projectors, models)?.path;
  const named = "/m/mmproj-ultravox-v0_5-llama-3_2-1b-f16.gguf";
  const model = "/m/Llama-3.2-1B-Instruct-Q4_K_M.gguf";
  assert.equal(only([projector(named)], model), named);
  assert.equal(only([projector(named)], model, "/m/Llama-3.2-1B-Instruct-Q8_0.gguf"), named);
  assert.equal(only([projector(named)], model, "/m/other.gguf"), undefined, "whose is it?");
  assert.equal(only([projector(named, 1024)], model), undefined, "it does not fit");
  assert.equal(only([projector(named), projector("/m/mmproj-x.gguf")], model), undefined);
});
