import assert from "node:assert/strict";
import { buildArguments } from "./arguments.ts";

Deno.test("buildArguments() passes on the given options, in order, and nothing else", () => {
  assert.deepEqual(buildArguments(["all"], {}, "/w"), ["all"]);
  assert.deepEqual(
    buildArguments(["worker", "cuda"], { runtime: "auto", out: "dist", target: "x y" }, "/w"),
    ["worker", "cuda", "--target=x y", "--out=/w/dist", "--runtime=auto"],
  );
  assert.deepEqual(
    buildArguments(["worker", "cpu"], { libraries: "source" }, "/w"),
    ["worker", "cpu", "--libraries=source"],
  );
});

Deno.test("buildArguments() refuses values that the task does not have", () => {
  assert.throws(() => buildArguments(["worker", "cudo"], {}, "/w"), {
    name: "UsageError",
    message: `Unknown backend "cudo": did you mean cuda?`,
  });
  assert.throws(() => buildArguments(["cli"], { runtime: "wasm" }, "/w"), {
    message: `Unknown runtime "wasm": choose auto, compile, portable`,
  });
  assert.throws(() => buildArguments(["worker", "cpu"], { libraries: "sources" }, "/w"), {
    message: `Unknown libraries "sources": did you mean source?`,
  });
});
