import assert from "node:assert/strict";
import { LogReader } from "./log_reader.ts";

Deno.test("a reader gets the existing lines, then new ones, until the end", async () => {
  const reader = new LogReader(["a"]);
  const read = Array.fromAsync(reader);
  await Promise.resolve();
  reader.add("b");
  await Promise.resolve();
  reader.add("c");
  reader.end();
  assert.deepEqual(await read, ["a", "b", "c"]);
  await reader.closed;
});

Deno.test("a slow reader gets the number of lines that it lost, and the newest lines", async () => {
  const reader = new LogReader([]);
  for (let line = 0; line < 1005; line++) reader.add(String(line));
  reader.end();
  const lines = await Array.fromAsync(reader);
  assert.deepEqual([lines[0], lines[1], lines.length], ["… 5 lines left out", "5", 1001]);
});

Deno.test("a reader that leaves, even while it waits, is released", async () => {
  const reader = new LogReader(["a"]);
  for await (const _ of reader) break;
  await reader.closed;
  const waiting = new LogReader([]);
  const next = waiting[Symbol.asyncIterator]().next();
  waiting.close();
  assert.equal((await next).done, true);
  await waiting.closed;
});
