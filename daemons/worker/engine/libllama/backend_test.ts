import assert from "node:assert/strict";
import { usesGpu } from "./backend.ts";

Deno.test("usesGpu() never falls back to the CPU by itself", () => {
  assert.equal(usesGpu(undefined, ["cuda"]), true);
  assert.equal(usesGpu("0", ["cuda"]), true);
  assert.throws(
    () => usesGpu("0", []),
    /Cannot use GPU 0: this build .* has only the CPU backend/,
  );
});

Deno.test("usesGpu() takes the CPU when asked, or when there is nothing else", () => {
  assert.equal(usesGpu("none", ["cuda"]), false);
  assert.equal(usesGpu(undefined, []), false);
});
