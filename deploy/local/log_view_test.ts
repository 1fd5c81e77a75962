import assert from "node:assert/strict";
import { readLogLine } from "./log_view.ts";

const line = (more: Record<string, unknown>) =>
  JSON.stringify({ ts: "t", level: "info", component: "c", event: "e", ...more });

Deno.test("readLogLine() shows who said what, without what nobody reads", () => {
  const { text, urgent } = readLogLine("up", line({ job_id: "j", correlation_id: "x", n: 1 }));
  assert.equal(text, "up              e job_id=j n=1");
  assert.equal(urgent, false);
});

Deno.test("readLogLine() finds the address of a daemon that listens", () => {
  const listening = line({ event: "listening", url: "http://127.0.0.1:1" });
  assert.equal(readLogLine("x", listening).url, "http://127.0.0.1:1");
  assert.equal(readLogLine("x", line({ url: "http://127.0.0.1:1" })).url, undefined);
});

Deno.test("readLogLine() shows a worker's line as the worker's own", () => {
  const inner = line({ event: "listening", url: "http://127.0.0.1:1", level: "warning" });
  const read = readLogLine("pool-managerd", line({ event: "worker_output", line: inner }));
  assert.equal(read.text, "llorch-candled  WARNING listening url=http://127.0.0.1:1");
  assert.equal(read.url, undefined);
  assert.equal(read.urgent, true);
});

Deno.test("readLogLine() shows anything else as it is", () => {
  assert.equal(readLogLine("x", "{broken").text, "x               {broken");
  assert.equal(readLogLine("x", "error: boom").urgent, true);
});

Deno.test("readLogLine() keeps the name of a file on its line and in its direction", () => {
  const path = "/m/a\nb\tc\u202ed.gguf";
  const { text } = readLogLine("x", line({ event: "model_named", path, list: [path] }));
  const said = "/m/a\\nb\\tc\\u202ed.gguf";
  assert.equal(text, `x               model_named path=${said} list=["${said}"]`);
  assert.match(readLogLine("x", line({ error: "boom\n  at y" })).text, /error=boom\n {2}at y$/);
});
