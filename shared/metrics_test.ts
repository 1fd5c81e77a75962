import assert from "node:assert/strict";
import { createMetrics } from "./metrics.ts";

Deno.test("createMetrics() shows the process's memory as it is, and nothing that it cannot know", async () => {
  const text = await (await createMetrics("worker").render()).text();
  const rss = Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]);
  assert.ok(rss > 10_000_000, `${rss}`);
  assert.doesNotMatch(text, /process_(virtual|heap|open|max)/);
});

Deno.test("createMetrics() prefixes names and keeps the registries of two daemons apart", async () => {
  const first = createMetrics("orchd");
  const second = createMetrics("worker");
  first.counter({ name: "things_total", help: "x" }).inc(3);
  assert.match(await (await first.render()).text(), /^orchd_things_total 3$/m);
  assert.doesNotMatch(await (await second.render()).text(), /things_total/);
});
