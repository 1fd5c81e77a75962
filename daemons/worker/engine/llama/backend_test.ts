import assert from "node:assert/strict";
import { builtGpuBackends, chooseGpu } from "./backend.ts";

Deno.test("chooseGpu() never falls back to the CPU by itself", () => {
  const never = { type: "auto", exclude: [false] };
  assert.deepEqual(chooseGpu(undefined, ["cuda"]), never);
  assert.deepEqual(chooseGpu("0", ["cuda"]), never);
  assert.throws(
    () => chooseGpu("0", []),
    /Cannot use GPU 0: this build .* has only the CPU backend/,
  );
});

Deno.test("chooseGpu() takes the CPU when asked, or when there is nothing else", () => {
  assert.equal(chooseGpu("none", ["cuda"]), false);
  assert.equal(chooseGpu(undefined, []), false);
});

Deno.test("builtGpuBackends() does not count an empty package as a backend", () => {
  // package.json points the GPU packages at an empty one.
  if (Deno.build.os === "linux") assert.deepEqual(builtGpuBackends(), []);
});
