import assert from "node:assert/strict";
import { systemClock } from "#shared/clock.ts";
import { LlorchError } from "#shared/errors.ts";
import { Loop } from "./loop.ts";
import { A, POLICY, pool, submit } from "./testing/scheduler.ts";

Deno.test("a job that waits for a load is told so, and one that cannot wait so long may come again", () => {
  const clock = { ...systemClock, now: () => 1e12, steady: () => 1000 };
  const loop = new Loop(POLICY, clock);
  loop.connect(() => {});
  loop.send(pool([]));
  const job = { fingerprint: A, priority: "interactive", tenant: "t" } as const;
  const place = loop.place(job, undefined);
  assert.equal(place.queue_position, 0);
  assert.ok(place.predicted_start_ms > 0, "no worker holds the model");
  loop.send(submit("j1", 1000));
  assert.equal(loop.placeOf("j1").predicted_start_ms, place.predicted_start_ms);
  assert.throws(() => loop.place(job, 1), (error) => {
    assert.ok(error instanceof LlorchError);
    assert.equal(error.code, "DEADLINE_UNMET");
    assert.equal(error.retriable, true);
    assert.equal(error.retryAfterMs, place.predicted_start_ms);
    return true;
  });
});
