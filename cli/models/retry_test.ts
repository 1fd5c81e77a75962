import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { RETRY, retryDelay, withRetries } from "./retry.ts";

const passing = new LlorchError("NOT_READY", "gone", { retriable: true });
const lasting = new LlorchError("NOT_FOUND", "none");

Deno.test("retryDelay() retries at once, then doubles the wait each time", () => {
  const waits = [1, 2, 3, 4, 5, 6].map((failures) => retryDelay(passing, failures, RETRY, 1));
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, undefined]);
  assert.equal(retryDelay(passing, 3, RETRY, 0), 1000);
});

Deno.test("retryDelay() waits as long as the server says, and does not retry permanent errors", () => {
  const limited = new LlorchError("RATE_LIMITED", "slow down", { retryAfterMs: 7000 });
  assert.equal(retryDelay(limited, 1, RETRY, 1), 7000);
  assert.equal(retryDelay(lasting, 1, RETRY, 1), undefined);
  assert.equal(retryDelay(new TypeError("a mistake"), 1, RETRY, 1), undefined);
});

Deno.test("withRetries() counts failures from zero again after progress", async () => {
  let calls = 0;
  const policy = { attempts: 3, backoff: { firstMs: 1, maxMs: 1 } };
  const result = await withRetries(() => {
    if (++calls < 10) throw passing;
    return Promise.resolve("done");
  }, {
    policy,
    signal: new AbortController().signal,
    onRetry: () => {},
    hasProgressed: () => true,
  });
  assert.deepEqual([result, calls], ["done", 10]);
});

Deno.test("withRetries() ends at once when it is interrupted", async () => {
  const stop = new AbortController();
  const work = withRetries(() => Promise.reject(passing), {
    policy: { attempts: 9, backoff: { firstMs: 60_000, maxMs: 60_000 } },
    signal: stop.signal,
    onRetry: (_, ms) => ms > 0 && stop.abort(new Error("interrupted")),
  });
  await assert.rejects(work, /interrupted/);
});
