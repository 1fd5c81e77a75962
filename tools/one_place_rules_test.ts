import assert from "node:assert/strict";
import { secondPlaces } from "./one_place_rules.ts";

Deno.test("what has one place is reported elsewhere, with its line and what to use", () => {
  const source = "a();\n  const both = AbortSignal.any([one, other]);\n";
  assert.deepEqual(secondPlaces("cli/a.ts", source), [
    "cli/a.ts:2: const both = AbortSignal.any([one, other]);: its signal may be collected before it " +
    "aborts: LinkedAbort (shared/aborts.ts)",
  ]);
});

Deno.test("a program that is started by hand is reported, with node's API and with Deno's", () => {
  for (
    const line of [
      'import { spawn } from "node:child_process";',
      'const child = new Deno.Command("ls").spawn();',
    ]
  ) assert.equal(secondPlaces("cli/a.ts", line).length, 1, line);
});

Deno.test("a copy of isRecord() is reported under any name", () => {
  const copy = 'return typeof tree === "object" && tree !== null && !Array.isArray(tree);';
  assert.equal(secondPlaces("cli/a.ts", copy).length, 1);
  assert.deepEqual(secondPlaces("cli/a.ts", 'typeof a === "object" && b !== null'), []);
});

Deno.test("the place itself may do it, and types may be imported", () => {
  const source = 'signal.addEventListener("abort", stop);';
  assert.deepEqual(secondPlaces("shared/aborts.ts", source), []);
  assert.equal(secondPlaces("shared/b.ts", source).length, 1);
  const types = 'import type { ChildProcess } from "node:child_process";';
  assert.deepEqual(secondPlaces("daemons/worker/a.ts", types), []);
});

Deno.test("one place: the scheduler's decisions read no clock", () => {
  const line = "const now = Date.now();";
  assert.equal(secondPlaces("daemons/orchestratord/scheduler/step.ts", line).length, 1);
  assert.deepEqual(secondPlaces("daemons/orchestratord/jobs/jobs.ts", line), []);
});
