import assert from "node:assert/strict";
import { NativeGarbage } from "./native_garbage.ts";

Deno.test("NativeGarbage collects each time enough has gathered", () => {
  let collections = 0;
  const garbage = new NativeGarbage(() => collections++);
  for (let generation = 0; generation < 100; generation++) garbage.add(3_000_000);
  assert.equal(collections, 4);
});

Deno.test("NativeGarbage can make V8 collect", async () => {
  let collected = false;
  const registry = new FinalizationRegistry(() => collected = true);
  registry.register({}, undefined);
  const garbage = new NativeGarbage();
  for (let tries = 0; tries < 50 && !collected; tries++) {
    garbage.add(1e9);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(collected, true);
});
