import assert from "node:assert/strict";
import { lastWords } from "./exit_words.ts";

Deno.test("lastWords() keeps plain text, and the event and error of a log line", () => {
  assert.equal(lastWords("CUDA error: out of memory"), "CUDA error: out of memory");
  const line = (level: string) =>
    JSON.stringify({ level, event: "load_failed", error: "no memory" });
  assert.equal(lastWords(line("error")), "load_failed: no memory");
  assert.equal(lastWords(line("info")), undefined);
  assert.equal(lastWords(`{"level":"error","job_id":"j`), undefined);
  assert.equal(lastWords(undefined), undefined);
});
