import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { untilQuiet } from "./take_waiting.ts";

/** Whether a promise has settled after some turns of the event loop. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => done = true);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return done;
}

Deno.test("untilQuiet() returns at once if the last connection is old", async () => {
  const clock = new FakeClock();
  assert.ok(await isDone(untilQuiet(() => -Infinity, clock)));
  assert.ok(await isDone(untilQuiet(() => clock.steady() - 60, clock)));
});

Deno.test("untilQuiet() returns after 60 ms without a new connection", async () => {
  const clock = new FakeClock();
  let acceptedAt = clock.steady();
  const quiet = untilQuiet(() => acceptedAt, clock);
  clock.advance(40);
  acceptedAt = clock.steady();
  clock.advance(20);
  assert.ok(!await isDone(quiet));
  clock.advance(39);
  assert.ok(!await isDone(quiet));
  clock.advance(1);
  assert.ok(await isDone(quiet));
});

Deno.test("untilQuiet() returns after 500 ms if connections keep arriving", async () => {
  const clock = new FakeClock();
  const quiet = untilQuiet(() => clock.steady(), clock);
  for (let n = 0; n < 8; n++) {
    clock.advance(60);
    assert.ok(!await isDone(quiet), `after ${60 * (n + 1)} ms`);
  }
  clock.advance(20);
  assert.ok(await isDone(quiet));
});
