import { join } from "node:path";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { llamaSource } from "../support/llama_source.ts";
import { writeCallerModel, writeCounterModel, writeGapModel } from "../support/models.ts";
import { ROOT, withStack } from "../support/stack.ts";
import { familyOf, writeFamily } from "./models/family_file.ts";

/** What `script.gguf` says: a thought and an answer at ①, a thought and a call at ②. */
const SCRIPTS = [
  "<think>\nI look at the clock.\n</think>\n\nIt is noon in Oslo.",
  "<think>\nI ask for the hour.\n</think>\n\n" +
  '<tool_call>\n{"name": "get_hour", "arguments": {"city": "Oslo"}}\n</tool_call>',
];

/** Runs a test with a stack that has all models that the clients use. */
export async function withModels(test: (url: string) => Promise<void>): Promise<void> {
  const models = await Deno.makeTempDir({ prefix: "llorch-conformance-" });
  try {
    writeCounterModel(join(models, "counter.gguf"));
    writeCallerModel(join(models, "caller.gguf"));
    writeGapModel(join(models, "gap.gguf"));
    writeEncoderModel(join(models, "embedder.gguf"), { purpose: "embed" });
    writeEncoderModel(join(models, "ranker.gguf"), { purpose: "rank" });
    await Deno.copyFile(join(ROOT, "catalog/demo/demo.gguf"), join(models, "demo.gguf"));
    const source = await llamaSource();
    if ("why" in source) throw new Error(`Cannot write a model that thinks: ${source.why}`);
    await writeFamily(join(models, "script.gguf"), familyOf("Qwen 3"), source.folder, SCRIPTS);
    await withStack({ models, model: "counter" }, ({ url }) => test(url));
  } finally {
    await Deno.remove(models, { recursive: true });
  }
}
