import assert from "node:assert/strict";
import { BEAT_MS, every, observeLateness } from "./beat.ts";

Deno.test("every() calls back at the same moment whatever is due, and not once it has ended", async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const calls: string[] = [];
  const began = performance.now();
  const stops = [
    every(2 * BEAT_MS, () => calls.push("slow")),
    every(BEAT_MS, () => calls.push("quick")),
    every(BEAT_MS, () => calls.push("third") >= 6 && resolve()),
  ];
  await done;
  stops.forEach((stop) => stop());
  assert.ok(performance.now() - began >= 2 * BEAT_MS - 1);
  assert.deepEqual(calls.slice(0, 5), ["quick", "third", "slow", "quick", "third"]);
  const count = calls.length;
  await new Promise<void>((resolve) => setTimeout(resolve, 2 * BEAT_MS));
  assert.equal(calls.length, count);
});

Deno.test("every() keeps times that are no multiple of a beat", async () => {
  const { promise: called, resolve } = Promise.withResolvers<void>();
  const began = performance.now();
  const stop = every(30, resolve);
  await called;
  stop();
  assert.ok(performance.now() - began < 60_000);
});

Deno.test("observeLateness() reports how long the event loop was blocked", async () => {
  const late: number[] = [];
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  observeLateness((ms) => {
    late.push(ms);
    if (ms >= BEAT_MS) resolve();
  });
  const stop = every(BEAT_MS, () => {
    const until = performance.now() + (late.length === 1 ? 2.1 * BEAT_MS : 0);
    while (performance.now() < until);
  });
  await seen;
  stop();
  observeLateness(() => {});
});
