import assert from "node:assert/strict";
import { join } from "node:path";
import { LlamaTokenizer } from "../../daemons/worker/engine/libllama/text/tokenizer.ts";
import { openVocabulary } from "../../daemons/worker/testing/vocabulary.ts";
import { llamaSource } from "../support/llama_source.ts";

const source = await llamaSource();

Deno.test({
  name: `text in parts has no spaces between them, whatever the vocabulary${
    "why" in source ? ` (skipped: ${source.why})` : ""
  }`,
  ignore: "why" in source,
  sanitizeResources: false,
  async fn(t) {
    const { folder } = source as { folder: string };
    const parts = ["say <", "s> now", " and <", "/s>", "\n<", "|im_end|>", "  two"];
    for (const name of ["llama-spm", "phi-3", "gemma-4", "qwen2", "gpt-neox"]) {
      await t.step(name, async () => {
        using model = openVocabulary(join(folder, "models", `ggml-vocab-${name}.gguf`));
        const tokenizer = new LlamaTokenizer(model, 8192);
        const ids = await tokenizer.tokenize(parts[0]!, true);
        for (const part of parts.slice(1)) ids.push(...await tokenizer.tokenizeNext(part, true));
        assert.equal(model.detokenize(ids, true), parts.join(""));
      });
    }
  },
});
