import assert from "node:assert/strict";
import type { MetadataValue } from "./gguf_header.ts";
import { skillsOf } from "./model_skills.ts";

const skills = (facts: Record<string, MetadataValue>, architecture = "qwen3") =>
  skillsOf(new Map(Object.entries(facts)), architecture);
const template = (text: string) => skills({ "tokenizer.chat_template": text });

Deno.test("a model's skills are those that its metadata tells", () => {
  assert.deepEqual(skills({}), ["completion"]);
  assert.deepEqual(template("{{ messages }}"), ["completion"]);
  assert.deepEqual(template("{% if tools %}"), ["completion", "tools"]);
  assert.deepEqual(template("{% if enable_thinking %}{{ tools }}"), [
    ...["completion", "tools", "thinking"],
  ]);
  assert.deepEqual(template("<|channel|>analysis"), ["completion", "thinking"]);
  const gap = skills({ "tokenizer.ggml.fim_pre_token_id": 7 });
  assert.deepEqual(gap, ["completion", "insert"]);
  assert.deepEqual(skills({ "qwen3.pooling_type": 3 }), ["embedding"]);
  assert.deepEqual(skills({ "qwen3.pooling_type": 0 }), ["completion"]);
  assert.deepEqual(skills({ "bert.pooling_type": 4 }, "bert"), ["rerank"]);
  for (const name of ["bert", "nomic-bert", "modern-bert", "gemma-embedding"]) {
    assert.deepEqual(skills({}, name), ["embedding"], name);
  }
});
