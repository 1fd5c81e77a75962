import assert from "node:assert/strict";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { deadline, LATE } from "./deadline.ts";

Deno.test("deadline() gives what comes in time, whether it resolves or rejects", async () => {
  assert.equal(await deadline(Promise.resolve(1), 60_000), 1);
  await assert.rejects(deadline(Promise.reject(new Error("no")), 60_000), /no/);
});

Deno.test("deadline() gives LATE for what does not come in time, by the clock that it is given", async () => {
  const clock = new FakeClock();
  const waiting = deadline(new Promise<never>(() => {}), 100, clock);
  clock.advance(100);
  assert.equal(await waiting, LATE);
});
