/**
 * A few families of models through every dialect. `deno task test conformance/models/same_answers`
 * asks all of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { familyOf } from "../conformance/models/family_file.ts";
import { compareDialects } from "../conformance/models/same_answers.ts";
import { llamaSource } from "../support/llama_source.ts";

/** Families with thoughts and calls of all kinds. */
const ASKED = ["Qwen 3", "gpt-oss", "Gemma 4", "GLM 4.7 Flash", "Kimi K2 Thinking"];

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

Deno.test({
  name: `text, thoughts, calls and usage of some families are the same in every dialect${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    await compareDialects(ASKED.map(familyOf), source.folder, (name, body) => t.step(name, body));
  },
});
