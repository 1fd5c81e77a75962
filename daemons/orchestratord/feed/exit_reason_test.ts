import assert from "node:assert/strict";
import { exitReason } from "./exit_reason.ts";

Deno.test("exitReason() keeps plain text, and the event and error of a log line", () => {
  assert.equal(exitReason("CUDA error: out of memory"), "CUDA error: out of memory");
  const line = (level: string) =>
    JSON.stringify({ level, event: "load_failed", error: "no memory" });
  assert.equal(exitReason(line("error")), "load_failed: no memory");
  assert.equal(exitReason(line("info")), undefined);
  assert.equal(exitReason(`{"level":"error","job_id":"j`), undefined);
  assert.equal(exitReason(undefined), undefined);
});
