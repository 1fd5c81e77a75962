import assert from "node:assert/strict";
import { readLogEnd } from "./log_end.ts";

const json = (event: string, level = "info", more: Record<string, unknown> = {}) =>
  JSON.stringify({ timestamp: "2026-11-25T00:00:00.000Z", level, event, ...more });

const STOPPED = json("stopped", "info", { exit_code: 1 });

Deno.test("readLogEnd() returns the reason of an error, not the log lines of the shutdown after it", () => {
  const failed = json("load_failed", "error", { reason: "Cannot load m.gguf: bad magic" });
  assert.deepEqual(readLogEnd([json("listening"), failed, json("stopping"), STOPPED, ""]), {
    reason: "Cannot load m.gguf: bad magic",
    exitCode: 1,
  });
});

Deno.test("readLogEnd() returns a native library's last line, and no stack trace", () => {
  const lines = [json("listening"), "ggml: cudaMalloc failed: out of memory", "    at a.js:1:2"];
  assert.deepEqual(readLogEnd(lines), { reason: lines[1], exitCode: undefined });
  assert.equal(readLogEnd(["{cut", STOPPED]).reason, "{cut");
});

Deno.test("readLogEnd() returns any last line if nothing failed, and nothing for an empty log", () => {
  assert.equal(readLogEnd([json("listening"), STOPPED]).reason, json("listening"));
  assert.deepEqual(readLogEnd([STOPPED]), { reason: undefined, exitCode: 1 });
  assert.deepEqual(readLogEnd([]), { reason: undefined, exitCode: undefined });
});
