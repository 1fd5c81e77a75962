import assert from "node:assert/strict";
import { systemClock } from "#shared/clock.ts";
import { delay } from "#shared/lifecycle.ts";
import { Watchdog } from "./watchdog.ts";

Deno.test("Watchdog calls once after silence, not while something happens or while it pauses", async () => {
  let calls = 0;
  const silent = Promise.withResolvers<void>();
  const watchdog = new Watchdog(systemClock, 60, () => {
    calls++;
    silent.resolve();
  });
  for (let round = 0; round < 6; round++) {
    await delay(20);
    watchdog.touch();
  }
  watchdog.pause();
  await delay(150);
  assert.equal(calls, 0);
  const touched = performance.now();
  watchdog.touch();
  await silent.promise;
  assert.ok(performance.now() - touched >= 59);
  await delay(100);
  assert.equal(calls, 1);
});

Deno.test("a stopped Watchdog says nothing", async () => {
  const watchdog = new Watchdog(systemClock, 5, () => assert.fail("It was stopped"));
  watchdog.stop();
  await delay(20);
});
