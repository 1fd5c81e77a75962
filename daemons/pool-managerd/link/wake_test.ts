import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { Wake } from "./wake.ts";

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), Promise.resolve().then(() => false)]);
}

Deno.test("wait() ends after its time or at a call, and leaves no timer", async () => {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  const timed = wake.wait(100);
  clock.advance(99);
  assert.equal(await isSettled(timed), false);
  clock.advance(1);
  await timed;
  const called = wake.wait(100);
  wake.call();
  await called;
  assert.equal(clock.pending, 0);
});

Deno.test("a call without a waiter ends the next wait, unless it was cleared", async () => {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  wake.call();
  await wake.wait(100);
  wake.clear();
  const waiting = wake.wait(100);
  assert.equal(await isSettled(waiting), false);
  clock.advance(100);
  await waiting;
});

Deno.test("sleep() ignores calls but ends at the signal", async () => {
  const clock = new FakeClock();
  const wake = new Wake(clock);
  const stop = new AbortController();
  const sleeping = wake.sleep(100, stop.signal);
  wake.call();
  assert.equal(await isSettled(sleeping), false);
  stop.abort();
  await sleeping;
  assert.equal(clock.pending, 0);
});
