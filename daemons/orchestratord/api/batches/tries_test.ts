import assert from "node:assert/strict";
import { type ErrorCode, LlorchError } from "#shared/errors.ts";
import { Tries } from "./tries.ts";

/** The pauses after tries that all end with one error, at most 20. */
function pauses(code: ErrorCode, { isReady = true, retryAfterMs }: {
  isReady?: boolean;
  retryAfterMs?: number;
} = {}): number[] {
  const error = new LlorchError(code, "x", retryAfterMs === undefined ? {} : { retryAfterMs });
  const tries = new Tries();
  const found = [];
  for (let n = 1; n <= 20; n++) {
    assert.equal(tries.next(), n);
    const pause = tries.pauseAfter(error, isReady);
    if (pause === undefined) break;
    found.push(pause);
  }
  return found;
}

Deno.test("a request that fails for a while is tried five times, with longer and longer pauses", () => {
  assert.deepEqual(pauses("WORKER_LOST"), [500, 1000, 2000, 4000]);
  assert.deepEqual(pauses("WORKER_LOST", { retryAfterMs: 700 }), [700, 700, 700, 700]);
});

Deno.test("a request that would fail again is not tried again", () => {
  for (const code of ["INVALID_REQUEST", "REQUEST_UNSAFE", "CONTENT_EXPIRED"] as const) {
    assert.deepEqual(pauses(code), []);
  }
});

Deno.test("a request that only found nothing free waits as long as its batch", () => {
  for (const code of ["QUEUE_TIMEOUT", "POOL_UNAVAILABLE", "RATE_LIMITED"] as const) {
    const all = pauses(code);
    assert.equal(all.length, 20, code);
    assert.deepEqual([all[0], all.at(-1)], [500, 60_000]);
  }
  assert.deepEqual(pauses("QUEUE_FULL", { retryAfterMs: 1 })[0], 250);
});

Deno.test("a model that is not known is missing only once the service knows its models", () => {
  assert.equal(pauses("MODEL_NOT_FOUND", { isReady: false }).length, 20);
  assert.deepEqual(pauses("MODEL_NOT_FOUND"), []);
});
