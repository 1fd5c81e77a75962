import assert from "node:assert/strict";
import { planReload } from "./reload.ts";

const CURRENT = { port: 1, log_level: "info", queue: { capacity: 5, timeout_ms: 9 }, names: ["a"] };

Deno.test("planReload() applies keys that may change and lists them", () => {
  const next = { ...CURRENT, log_level: "debug", queue: { capacity: 6, timeout_ms: 9 } };
  assert.deepEqual(planReload(CURRENT, next, ["port"]), {
    config: next,
    changed: ["log_level", "queue.capacity"],
    kept: [],
  });
});

Deno.test("planReload() keeps keys and sections that need a restart, set or unset", () => {
  const fixed = ["port", "queue", "names", "state_dir"];
  const next = { port: 2, log_level: "info", queue: { capacity: 6 }, state_dir: "/x" };
  const reload = planReload<object>(CURRENT, next, fixed);
  assert.deepEqual(reload.config, CURRENT);
  assert.deepEqual(reload.changed, []);
  assert.deepEqual(reload.kept, [
    ...["names", "port", "queue.capacity", "queue.timeout_ms", "state_dir"],
  ]);
});

Deno.test("planReload() finds no change in an equal configuration", () => {
  const reload = planReload(CURRENT, structuredClone(CURRENT), ["port"]);
  assert.deepEqual([reload.changed, reload.kept], [[], []]);
});
