import assert from "node:assert/strict";
import { builtGpuBackends } from "./carried.ts";

Deno.test("builtGpuBackends() does not count an empty package as a backend", () => {
  // package.json points the GPU packages at an empty one.
  if (Deno.build.os === "linux") assert.deepEqual(builtGpuBackends(), []);
});
