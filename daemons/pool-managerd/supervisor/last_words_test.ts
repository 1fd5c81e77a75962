import assert from "node:assert/strict";
import { lastWords } from "./last_words.ts";

const json = (event: string, level = "info", more: Record<string, unknown> = {}) =>
  JSON.stringify({ timestamp: "2026-11-25T00:00:00.000Z", level, event, ...more });

const STOPPED = json("stopped", "info", { exit_code: 1 });

Deno.test("lastWords() returns the reason of an error, not the log lines of the shutdown after it", () => {
  const failed = json("load_failed", "error", { reason: "Cannot load m.gguf: bad magic" });
  assert.deepEqual(lastWords([json("listening"), failed, json("stopping"), STOPPED, ""]), {
    reason: "Cannot load m.gguf: bad magic",
    exitCode: 1,
  });
});

Deno.test("lastWords() returns a native library's last line, and no stack trace", () => {
  const lines = [json("listening"), "ggml: cudaMalloc failed: out of memory", "    at a.js:1:2"];
  assert.deepEqual(lastWords(lines), { reason: lines[1], exitCode: undefined });
  assert.equal(lastWords(["{cut", STOPPED]).reason, "{cut");
});

Deno.test("lastWords() returns any last line if nothing failed, and nothing for an empty log", () => {
  assert.equal(lastWords([json("listening"), STOPPED]).reason, json("listening"));
  assert.deepEqual(lastWords([STOPPED]), { reason: undefined, exitCode: 1 });
  assert.deepEqual(lastWords([]), { reason: undefined, exitCode: undefined });
});
