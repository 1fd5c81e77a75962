/**
 * Every family through every dialect, whole and streamed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { llamaSource } from "../../support/llama_source.ts";
import { FAMILIES } from "./families.ts";
import { compareDialects } from "./same_answers.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

Deno.test({
  name: `text, thoughts, calls and usage of every family are the same in every dialect${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    await compareDialects(FAMILIES, source.folder, (name, body) => t.step(name, body));
  },
});
