import assert from "node:assert/strict";
import { memoryKills, startTimeOfStat, systemProcessTable } from "./process_table.ts";

const REST = Array.from({ length: 30 }, (_, index) => String(index + 4)).join(" ");

Deno.test("startTimeOfStat() reads field 22 whatever the program's name is", () => {
  assert.equal(startTimeOfStat(`12 (a) b) R) S ${REST}`), "22");
});

Deno.test("startTimeOfStat() treats a zombie and a missing process as dead", () => {
  assert.equal(startTimeOfStat(`12 (worker) Z ${REST}`), undefined);
  assert.equal(startTimeOfStat(""), undefined);
});

Deno.test("out-of-memory kills are read from our control group, otherwise from the machine", () => {
  const files: Record<string, string> = {
    "/proc/vmstat": "nr_free_pages 7\noom_kill 5\n",
    "/proc/self/cgroup": "0::/system.slice/pool.service\n",
  };
  const read = (path: string) => files[path];
  assert.equal(memoryKills(read), 5);
  files["/sys/fs/cgroup/system.slice/pool.service/memory.events"] = "oom 2\noom_kill 1\n";
  assert.equal(memoryKills(read), 1);
  assert.equal(memoryKills(() => undefined), 0);
});

Deno.test("the process table has this process, always with the same start time", () => {
  const table = systemProcessTable();
  const start = table.startTime(Deno.pid);
  assert.ok(start);
  assert.equal(table.startTime(Deno.pid), start);
  assert.ok(table.memoryKills() >= 0);
  assert.ok(table.exists(Deno.pid));
  assert.ok(!table.exists(0x3fffffff));
});
