import assert from "node:assert/strict";
import { checkSoaked, soak } from "./soak.ts";

Deno.test("after some seconds of load, memory and file descriptors are released", async () => {
  const soaked = await soak(5);
  assert.ok(soaked.streams > 0 && soaked.left > 0, JSON.stringify(soaked));
  checkSoaked(soaked);
});
