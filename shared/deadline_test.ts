import assert from "node:assert/strict";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { deadline, LATE } from "./deadline.ts";

Deno.test("deadline() passes on a result that is in time, whether it resolves or rejects", async () => {
  assert.equal(await deadline(Promise.resolve(1), 60_000), 1);
  await assert.rejects(deadline(Promise.reject(new Error("no")), 60_000), /no/);
});

Deno.test("deadline() returns LATE for a late result, by the given clock", async () => {
  const clock = new FakeClock();
  const waiting = deadline(new Promise<never>(() => {}), 100, clock);
  clock.advance(100);
  assert.equal(await waiting, LATE);
});
