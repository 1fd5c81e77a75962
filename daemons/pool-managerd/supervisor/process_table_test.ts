import assert from "node:assert/strict";
import { startTimeOfStat, systemProcessTable } from "./process_table.ts";

const REST = Array.from({ length: 30 }, (_, index) => String(index + 4)).join(" ");

Deno.test("startTimeOfStat() reads field 22 whatever the program is called", () => {
  assert.equal(startTimeOfStat(`12 (a) b) R) S ${REST}`), "22");
});

Deno.test("startTimeOfStat() takes a zombie and a missing process for dead", () => {
  assert.equal(startTimeOfStat(`12 (worker) Z ${REST}`), undefined);
  assert.equal(startTimeOfStat(""), undefined);
});

Deno.test("the process table knows this process, always by the same start", () => {
  const table = systemProcessTable();
  const start = table.startTime(Deno.pid);
  assert.ok(start);
  assert.equal(table.startTime(Deno.pid), start);
  assert.ok(table.memoryKills() >= 0);
  assert.ok(table.exists(Deno.pid));
  assert.ok(!table.exists(0x3fffffff));
});
