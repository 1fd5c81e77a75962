import assert from "node:assert/strict";
import { sourceFiles } from "./repo.ts";
import { ALONE, LONG, LONGEST } from "./test_alone.ts";
import {
  defaultJobs,
  pathOf,
  planTests,
  readArguments,
  selectTests,
  testNames,
  unknownPaths,
} from "./test_plan.ts";

const ALL = sourceFiles().filter((file) => file.endsWith("_test.ts"));

Deno.test("test plan: every test file runs exactly once, alone or beside others", () => {
  const files = selectTests(ALL, []);
  const { batches, alone } = planTests(files);
  assert.deepEqual([...batches.flat(), ...alone].sort(), files);
  assert.ok(alone.length > 0 && batches.length > 1);
  assert.deepEqual(batches.slice(0, LONGEST.length).flat(), LONGEST);
});

Deno.test("test plan: files that must be alone are there, and have a reason", () => {
  assert.deepEqual(unknownPaths(ALL, [...Object.keys(ALONE), ...LONG, ...LONGEST]), []);
  assert.deepEqual(unknownPaths(ALL, ["tests/gone_test.ts"]), ["tests/gone_test.ts"]);
  for (const [file, reason] of Object.entries(ALONE)) assert.ok(reason.length > 10, file);
});

Deno.test("test plan: tests that take minutes run only when a path names them", () => {
  const isLong = (file: string) => file.startsWith("tests/packages/");
  assert.ok(!selectTests(ALL, []).some(isLong));
  assert.ok(!selectTests(ALL, ["tests"]).some(isLong));
  assert.ok(selectTests(ALL, ["tests/packages"]).every(isLong));
  assert.equal(selectTests(ALL, ["tests/packages/packages_test.ts"]).length, 1);
});

Deno.test("test plan: paths select files and folders, and not names that begin alike", () => {
  const all = ["cli/a_test.ts", "cli/b/c_test.ts", "clients/d_test.ts"];
  assert.deepEqual(selectTests(all, ["cli/"]), ["cli/a_test.ts", "cli/b/c_test.ts"]);
  assert.deepEqual(selectTests(all, ["./cli/b/c_test.ts"]), ["cli/b/c_test.ts"]);
  assert.deepEqual(selectTests(all, ["."]), all);
  assert.deepEqual(unknownPaths(all, ["cli", "clie"]), ["clie"]);
});

Deno.test("test plan: a word is the name of a folder in tests/, and paths stay paths", () => {
  const all = [
    "cli/a_test.ts",
    "shared/b_test.ts",
    "tests/cli/c_test.ts",
    "tests/slow/d/e_test.ts",
  ];
  assert.equal(pathOf(all, "cli"), "tests/cli");
  assert.equal(pathOf(all, "cli/"), "cli/");
  assert.equal(pathOf(all, "./cli"), "./cli");
  assert.equal(pathOf(all, "shared"), "shared");
  assert.equal(pathOf(all, "slow/d"), "tests/slow/d");
  assert.equal(pathOf(all, "tests/cli/c_test.ts"), "tests/cli/c_test.ts");
  assert.deepEqual(testNames(all), ["cli", "slow", "slow/d"]);
  assert.throws(
    () => pathOf(all, "clii"),
    /^RangeError: No test is named 'clii', and none is at that path; names: cli, slow, slow\/d$/,
  );
});

Deno.test("test plan: every folder of tests/ that holds tests has a name", () => {
  const names = testNames(ALL);
  for (const name of ["browser", "cli", "conformance", "e2e", "packages", "systemd"]) {
    assert.ok(names.includes(name), name);
    assert.ok(
      selectTests(ALL, [pathOf(ALL, name)]).every((file) => file.startsWith(`tests/${name}/`)),
    );
  }
});

Deno.test("test plan: as many processes as keep the cores busy, and no more than fit", () => {
  assert.deepEqual([1, 2, 64].map(defaultJobs), [3, 4, 8]);
});

Deno.test("test plan: options go to each process, and what needs one process gets one", () => {
  assert.deepEqual(readArguments(["--filter", "a b", "--fail-fast", "--jobs=3", "cli"]), {
    paths: ["cli"],
    flags: ["--filter=a b", "--fail-fast"],
    jobs: 3,
    together: false,
  });
  assert.ok(readArguments(["--watch", "cli"]).together);
  assert.ok(readArguments(["--coverage"]).together);
  assert.throws(() => readArguments(["--jobs", "0"]), /whole number of at least 1/);
});
