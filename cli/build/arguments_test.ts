import assert from "node:assert/strict";
import { buildArguments, imageArguments } from "./arguments.ts";

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

Deno.test("imageArguments() resolves folders against the caller's", () => {
  assert.deepEqual(
    imageArguments("all", { base: "oci:cuda:12", packages: "debs", out: "/made" }, "/w"),
    ["all", "--base=oci:/w/cuda:12", "--packages=/w/debs", "--out=/made"],
  );
  assert.deepEqual(
    imageArguments("worker", { packages: "http://mirror.example/debian" }, "/w"),
    ["worker", "--packages=http://mirror.example/debian"],
  );
  assert.throws(() => imageArguments("workers", {}, "/w"), {
    message: `Unknown image "workers": did you mean worker?`,
  });
});
