import assert from "node:assert/strict";
import { violations } from "./boundary_rules.ts";
import { roomProblems } from "./rooms.ts";

const refused: readonly (readonly [from: string, to: string, reason: string])[] = [
  ["shared/a.ts", "cli/b.ts", "shared/ may not import cli/"],
  ["shared/a.ts", "daemons/worker/b.ts", "shared/ may not import daemons/worker/"],
  ["cli/a.ts", "daemons/worker/b.ts", "cli/ may not import daemons/worker/"],
  ["cli/a.ts", "deploy/b.ts", "cli/ may not import deploy/"],
  ["deploy/a.ts", "daemons/worker/b.ts", "deploy/ may not import daemons/worker/"],
  ["deploy/a.ts", "cli/b.ts", "deploy/ may not import cli/"],
  [
    "daemons/orchestratord/a.ts",
    "daemons/pool-managerd/b.ts",
    "daemons/orchestratord/ may not import daemons/pool-managerd/",
  ],
  ["daemons/worker/a.ts", "cli/b.ts", "daemons/worker/ may not import cli/"],
  ["daemons/worker/a.ts", "catalog/b.ts", "daemons/worker/ may not import catalog/"],
  ["shared/a.ts", "tests/support/b.ts", "production code may not import test code"],
  ["cli/a.ts", "tools/b.ts", "production code may not import test code"],
  ["shared/a.ts", "shared/a_test.ts", "production code may not import test code"],
  [
    "daemons/worker/a.ts",
    "daemons/worker/testing/b.ts",
    "production code may not import test code",
  ],
  ["shared/a.ts", "npm:node-llama-cpp", "only daemons/worker/engine/ may"],
  ["daemons/worker/api/a.ts", "npm:node-llama-cpp", "only daemons/worker/engine/ may"],
  ["surprise/a.ts", "shared/b.ts", "its folder is not known as a part (tools/parts.ts)"],
  [
    "daemons/worker/engine/a.ts",
    "daemons/worker/answers/b.ts",
    "engine may not import answers (tools/rooms.ts)",
  ],
  [
    "daemons/worker/attic/a.ts",
    "daemons/worker/engine/b.ts",
    "daemons/worker has no room attic (tools/rooms.ts)",
  ],
  [
    "daemons/orchestratord/scheduler/step.ts",
    "daemons/orchestratord/scheduler/loop.ts",
    "a decision of the scheduler is pure",
  ],
  [
    "daemons/orchestratord/scheduler/step.ts",
    "shared/clock.ts",
    "a decision of the scheduler is pure",
  ],
  ...[
    "daemons/orchestratord/store/job_store.ts",
    "shared/deadline.ts",
    "shared/sqlite.ts",
    "node:timers/promises",
    "npm:zod",
  ].map((to) =>
    [
      "daemons/orchestratord/scheduler/step.ts",
      to,
      "a decision of the scheduler is pure",
    ] as const
  ),
  [
    "daemons/worker/a_test.ts",
    "daemons/pool-managerd/b.ts",
    "tests in daemons/worker/ may not import daemons/pool-managerd/",
  ],
];

for (const [from, to, reason] of refused) {
  Deno.test(`boundaries: ${from} may not import ${to}`, () => {
    assert.deepEqual(violations([{ from, to }]), [`${from} imports ${to}: ${reason}`]);
  });
}

Deno.test("boundaries: what the design allows is not reported", () => {
  const imports = [
    ["shared/a.ts", "shared/http/b.ts"],
    ["shared/version.ts", "deno.json"],
    ["shared/a.ts", "npm:zod"],
    ["cli/a.ts", "shared/b.ts"],
    ["deploy/local/a.ts", "shared/b.ts"],
    ["daemons/worker/answers/a.ts", "daemons/worker/engine/b.ts"],
    ["daemons/worker/engine/a.ts", "daemons/worker/engine/b.ts"],
    ["daemons/worker/engine/libllama/a.ts", "npm:node-llama-cpp"],
    ["daemons/worker/main.ts", "npm:node-llama-cpp"],
    ["daemons/worker/a_test.ts", "tests/support/b.ts"],
    ["shared/a_test.ts", "tests/support/b.ts"],
    ["tests/e2e/a_test.ts", "daemons/worker/b.ts"],
    ["tools/a.ts", "daemons/worker/b.ts"],
  ].map(([from, to]) => ({ from: from!, to: to! }));
  assert.deepEqual(violations(imports), []);
});

Deno.test("boundaries: an import that stands twice is reported once", () => {
  const wrong = { from: "cli/a.ts", to: "deploy/b.ts" };
  assert.equal(violations([wrong, wrong]).length, 1);
});

Deno.test("boundaries: files that import each other in a circle are reported once", () => {
  const circle = [
    { from: "shared/a.ts", to: "shared/b.ts" },
    { from: "shared/b.ts", to: "shared/c.ts" },
    { from: "shared/c.ts", to: "shared/a.ts" },
    { from: "shared/d.ts", to: "shared/a.ts" },
  ];
  assert.deepEqual(violations(circle), [
    "a circle of imports: shared/a.ts -> shared/b.ts -> shared/c.ts -> shared/a.ts",
  ]);
});

const ROOMS_OF_TWO = { "daemons/worker": { "a": [], "b/": ["a"], "main.ts": ["b/"] } };

Deno.test("rooms: a file without a room, a room without a file and a room out of order are problems", () => {
  const files = ["a/x.ts", "b/x.ts", "b/deep/x.ts", "main.ts"].map((file) =>
    `daemons/worker/${file}`
  );
  assert.deepEqual(roomProblems(files, ROOMS_OF_TWO), []);
  assert.deepEqual(roomProblems([...files, "daemons/worker/c/x.ts"], ROOMS_OF_TWO), [
    "daemons/worker has no room c: list it in tools/rooms.ts",
  ]);
  assert.deepEqual(roomProblems(files.slice(0, 3), ROOMS_OF_TWO), [
    "daemons/worker: the room main.ts of tools/rooms.ts has no file",
  ]);
  const late = { "daemons/worker": { ...ROOMS_OF_TWO["daemons/worker"], "a": ["b/"] } };
  assert.deepEqual(roomProblems(files, late), [
    "daemons/worker: a names b/, which is not listed before it",
  ]);
});
