import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { Watchdog } from "./watchdog.ts";

Deno.test("Watchdog calls back once after silence, but not while it is touched or paused", () => {
  const clock = new FakeClock();
  let calls = 0;
  const watchdog = new Watchdog(clock, 60, () => calls++);
  for (let round = 0; round < 6; round++) {
    clock.advance(20);
    watchdog.touch();
  }
  watchdog.pause();
  clock.advance(150);
  assert.equal(calls, 0);
  watchdog.touch();
  clock.advance(59);
  assert.equal(calls, 0);
  clock.advance(1);
  assert.equal(calls, 1);
  clock.advance(1000);
  assert.equal(calls, 1);
});

Deno.test("a stopped Watchdog does not call back", () => {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock, 5, () => assert.fail("It was stopped"));
  watchdog.stop();
  clock.advance(20);
  assert.equal(clock.pending, 0);
});
