import assert from "node:assert/strict";
import { suiteArguments } from "./suites.ts";

Deno.test("suiteArguments() names the folders of a suite that the checkout has", () => {
  const has = (folder: string) => folder !== "catalog" && folder !== "tests/contract";
  assert.deepEqual(suiteArguments("e2e", {}, has), ["tests/e2e/"]);
  assert.deepEqual(suiteArguments("integration", {}, has), ["tests/integration/", "tests/cli/"]);
  const unit = suiteArguments("unit", {}, has);
  assert.ok(!unit.includes("catalog/"));
  assert.ok(unit.includes("cli/"), "and not the folder of command-line tests");
});

Deno.test("suiteArguments() passes filter and watch on; all means every folder", () => {
  const options = { filter: "a b", watch: true };
  assert.deepEqual(suiteArguments("all", options, () => false), ["--filter=a b", "--watch"]);
});

Deno.test("suiteArguments() never runs everything for a missing suite", () => {
  assert.throws(() => suiteArguments("e2e", {}, () => false), {
    message: "The checkout has no e2e tests",
  });
});
