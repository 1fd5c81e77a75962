import assert from "node:assert/strict";
import { type Killed, readLogEnd } from "./log_end.ts";

const json = (event: string, level = "info", more: Record<string, unknown> = {}) =>
  JSON.stringify({ ts: "2026-11-25T00:00:00.000Z", level, event, ...more });

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

Deno.test("readLogEnd() quotes of a worker that was killed only an error of its last moments", () => {
  const at = Date.parse("2026-11-25T00:00:09.000Z");
  const long = at + 60_000;
  const reasonOf = (lines: string[], end: Partial<Killed> = {}) =>
    readLogEnd(lines, { isSilent: true, at, ...end }).reason;
  assert.equal(reasonOf([json("listening"), json("engine", "warning")]), undefined);
  assert.equal(reasonOf([json("loaded"), "some library's line"]), undefined);
  const failed = json("engine_failed", "error", { reason: "The engine is stuck" });
  assert.equal(reasonOf([failed, json("stopping")]), "The engine is stuck");
  assert.equal(reasonOf([failed, json("listening")], { at: long }), undefined);
  const plain = json("request_failed", "error", { error: "x" });
  assert.equal(reasonOf([plain]), plain);
});

Deno.test("readLogEnd() quotes of a worker that crashed the text with which its log ends", () => {
  const assertion = "ggml.c:12: GGML_ASSERT(a) failed";
  const reasonOf = (lines: string[]) => readLogEnd(lines, { isSilent: false, at: 0 }).reason;
  assert.equal(reasonOf([json("loaded"), "core 1", assertion]), assertion);
  assert.equal(reasonOf(["ggml_cuda_init: found 1 CUDA devices", json("loaded")]), undefined);
});

Deno.test("readLogEnd() returns any last line if nothing failed, and nothing for an empty log", () => {
  assert.equal(readLogEnd([json("listening"), STOPPED]).reason, json("listening"));
  assert.deepEqual(readLogEnd([STOPPED]), { reason: undefined, exitCode: 1 });
  assert.deepEqual(readLogEnd([]), { reason: undefined, exitCode: undefined });
});
