/** Effects of `[worker.llama]` and `[worker.models.NAME]` of a pool manager on answers. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { counterModel, writeCounterAdapter } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { run, textOf } from "../support/stack.ts";

Deno.test("a task names an adapter that the pool manager has for its model, beside tasks without", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const adapter = join(folder, "skip.gguf");
    writeCounterAdapter(adapter, { from: 7, to: 100 });
    const poolManagerd = `
      [worker.llama]
      speculative = "lookup"
      cache_type_k = "q8_0"
      [worker.models.counter]
      lora = { skip = ${JSON.stringify(adapter)} }`;
    await withService(dirname(counterModel()), async ({ client }) => {
      const task = { model: "counter", prompt: " w5", max_tokens: 4, temperature: 0 };
      const [skipped, plain, unknown] = await Promise.all([
        run(client, { ...task, lora: "skip" }),
        run(client, task),
        run(client, { ...task, lora: "jump" }),
      ]);
      assert.equal(textOf(skipped!), " w6 w7 w100 w101");
      assert.equal(textOf(plain!), " w6 w7 w8 w9");
      const error = unknown!.at(-1);
      assert.ok(error?.event === "error");
      assert.equal(error.data.code, "INVALID_REQUEST");
      assert.match(error.data.message, /"jump" is no adapter of this worker: it has skip/);
    }, { poolManagerd });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
