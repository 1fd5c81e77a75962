import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { sayLoading, withLoading } from "./loading.ts";

Deno.test("sayLoading() says how long a load takes, from what was measured only", () => {
  assert.equal(sayLoading("m", { elapsedMs: 12_000 }), "loading m, 12 s so far");
  assert.equal(
    sayLoading("m", { elapsedMs: 12_000, usualMs: 30_000 }),
    "loading m, 12 s of about 30 s",
  );
  assert.equal(
    sayLoading("m", { elapsedMs: 45_000, usualMs: 30_000 }),
    "loading m, 45 s: longer than the usual 30 s",
  );
  assert.equal(sayLoading("a\r\nb", { elapsedMs: 1000 }), "loading a\\r\\nb, 1 s so far");
});

Deno.test("withLoading() adds the load to an error that is for now, with the time that is left", () => {
  const full = new LlorchError("QUEUE_FULL", "x", { retryAfterMs: 1000, details: { a: 1 } });
  const load = { elapsedMs: 12_000.4, usualMs: 30_000 };
  const told = withLoading(full, "m", load);
  assert.deepEqual(told.details, {
    a: 1,
    loading: { model: "m", elapsed_ms: 12_000, usual_ms: 30_000 },
  });
  assert.equal(told.retryAfterMs, 18_000);
  assert.deepEqual([told.code, told.message], ["QUEUE_FULL", "x"]);

  const late = withLoading(full, "m", { elapsedMs: 40_000, usualMs: 30_000 });
  assert.equal(late.retryAfterMs, 1000, "what the error itself says");
  assert.equal(withLoading(full, "m", { elapsedMs: 1000 }).retryAfterMs, 1000);
  assert.equal(withLoading(full, "m", undefined), full);
  for (const code of ["INVALID_REQUEST", "RATE_LIMITED"] as const) {
    const other = new LlorchError(code, "x");
    assert.equal(withLoading(other, "m", load), other);
  }
});
