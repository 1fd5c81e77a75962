import assert from "node:assert/strict";
import { systemClock } from "#shared/clock.ts";
import { LlorchError } from "#shared/errors.ts";
import { patience } from "./patience.ts";

const away = () => new LlorchError("NOT_READY", "away", { retryAfterMs: 1 });

Deno.test("what fails because the database is away is tried until it is back", async () => {
  let tries = 0;
  const patiently = patience(systemClock, new AbortController().signal);
  assert.equal(
    await patiently(() => ++tries < 4 ? Promise.reject(away()) : Promise.resolve("back")),
    "back",
  );
  assert.equal(tries, 4);
});

Deno.test("any other failure counts at once, and a stop ends the tries", async () => {
  const stop = new AbortController();
  const paused = Promise.withResolvers<void>();
  const clock = {
    after() {
      paused.resolve();
      return () => {};
    },
  };
  const patiently = patience(clock, stop.signal);
  let tries = 0;
  const fail = (error: Error) => () => {
    tries++;
    return Promise.reject(error);
  };
  await assert.rejects(patiently(fail(new LlorchError("NOT_FOUND", "gone"))), /gone/);
  assert.equal(tries, 1);
  const waiting = patiently(fail(new LlorchError("NOT_READY", "away", { retryAfterMs: 60_000 })));
  await paused.promise;
  stop.abort();
  await assert.rejects(waiting, /away/);
  assert.equal(tries, 3);
});
