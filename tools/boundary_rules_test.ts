import assert from "node:assert/strict";
import { violations } from "./boundary_rules.ts";

const refused: readonly [from: string, to: string, reason: string][] = [
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
    ["daemons/worker/a.ts", "daemons/worker/engine/b.ts"],
    ["daemons/worker/engine/llama/a.ts", "npm:node-llama-cpp"],
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
