import assert from "node:assert/strict";
import { fakeContext } from "../testing/fake_context.ts";
import { formatSeconds, Progress, progressBar, progressText } from "./progress.ts";

const MIB = 2 ** 20;
const half = { label: "x.gguf", done: 50 * MIB, total: 100 * MIB, rate: 5 * MIB };

Deno.test("progressText() has the amount, the speed and the remaining time", () => {
  assert.equal(progressText(half), "x.gguf 50% of 100 MiB, 5.0 MiB/s, 10 s left");
  assert.equal(progressText({ ...half, rate: 0 }), "x.gguf 50% of 100 MiB");
  assert.equal(progressText({ ...half, done: 100 * MIB - 1 }).slice(0, 10), "x.gguf 99%");
});

Deno.test("progressBar() has the given width", () => {
  assert.ok(progressBar(half, 79).startsWith(`[${"#".repeat(12)}${" ".repeat(12)}] x.gguf 50%`));
  assert.equal(progressBar({ ...half, label: "y".repeat(90) }, 79).length, 79);
});

Deno.test("formatSeconds() formats seconds, minutes and hours", () => {
  assert.deepEqual([0.2, 59, 200, 7500].map(formatSeconds), [
    "1 s",
    "59 s",
    "3 min 20 s",
    "2 h 5 min",
  ]);
});

Deno.test("Progress never goes backwards, and ends its line before a note", async () => {
  const context = fakeContext({ isTerminal: true });
  {
    using progress = new Progress(context, { label: "x", total: 100, from: 0, isQuiet: false });
    progress.done = 60;
    progress.done = 30;
    while (!context.err().includes("%")) await new Promise((done) => setTimeout(done, 5));
    progress.note("lost");
  }
  assert.match(context.err(), /x 60%/);
  assert.ok(!context.err().includes("30%"));
  assert.ok(context.err().includes("\r\u001b[Klost\n"));
  assert.ok(context.err().endsWith("\r\u001b[K"));
});

Deno.test("Progress prints nothing if it is quiet", () => {
  const context = fakeContext({ isTerminal: true });
  {
    using progress = new Progress(context, { label: "x", total: 1, from: 0, isQuiet: true });
    progress.note("lost");
  }
  assert.equal(context.err(), "");
});
