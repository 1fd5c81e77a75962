import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { Pause } from "./pause.ts";

const busy = (retryAfterMs: number) => new LlorchError("QUEUE_FULL", "busy", { retryAfterMs });
const clockAt = (now: number) => ({ at: now, steady: () => now });
const { signal } = new AbortController();

Deno.test("a busy server is asked again after the time that it named", async () => {
  const wait = new Pause(60_000).begin();
  await wait.untilFree(signal);
  const begun = performance.now();
  wait.failed(busy(1_100));
  await wait.untilFree(signal);
  assert.ok(performance.now() - begun >= 1_090);
});

Deno.test("a request does not wait longer than its patience, and no other asks meanwhile", async () => {
  const pause = new Pause(60_000, clockAt(0));
  const error = busy(3_600_000);
  assert.throws(() => pause.begin().failed(error), error);
  await assert.rejects(pause.begin().untilFree(signal), error);
});

Deno.test("a server that named a time of hours is asked again once a request's patience is over", async () => {
  const clock = { at: 0, steady: () => clock.at };
  const pause = new Pause(60_000, clock);
  assert.throws(() => pause.begin().failed(busy(99_999_000)));
  clock.at = 60_000;
  await pause.begin().untilFree(signal);
});

Deno.test("without a named time the pauses double, and the last error is thrown", () => {
  const clock = { at: 0, steady: () => clock.at };
  const wait = new Pause(10_000, clock).begin();
  const error = busy(0);
  const pauses: number[] = [];
  assert.throws(() => {
    for (let pause = 1000;; pause *= 2) {
      wait.failed(error);
      pauses.push(pause);
      clock.at += pause;
    }
  }, error);
  assert.deepEqual(pauses, [1000, 2000, 4000]);
});

Deno.test("other errors, and those of a server without patience, are thrown at once", () => {
  const other = new LlorchError("INTERNAL", "broken");
  assert.throws(() => new Pause(60_000).begin().failed(other), other);
  const error = busy(1);
  assert.throws(() => new Pause(0).begin().failed(error), error);
});

Deno.test("a wait ends with its signal", async () => {
  const pause = new Pause(60_000);
  const wait = pause.begin();
  wait.failed(busy(30_000));
  const abort = new AbortController();
  const waiting = wait.untilFree(abort.signal);
  abort.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
});
