import { join } from "node:path";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { writeCallerModel, writeCounterModel } from "../support/models.ts";
import { ROOT, withStack } from "../support/stack.ts";

/** Runs a test with a stack that has all models that the clients use. */
export async function withModels(test: (url: string) => Promise<void>): Promise<void> {
  const models = await Deno.makeTempDir({ prefix: "llorch-conformance-" });
  try {
    writeCounterModel(join(models, "counter.gguf"));
    writeCallerModel(join(models, "caller.gguf"));
    writeEncoderModel(join(models, "embedder.gguf"), { purpose: "embed" });
    writeEncoderModel(join(models, "ranker.gguf"), { purpose: "rank" });
    await Deno.copyFile(join(ROOT, "catalog/demo/demo.gguf"), join(models, "demo.gguf"));
    await withStack({ models, model: "counter" }, ({ url }) => test(url));
  } finally {
    await Deno.remove(models, { recursive: true });
  }
}
