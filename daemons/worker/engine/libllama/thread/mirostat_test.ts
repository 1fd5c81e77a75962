import assert from "node:assert/strict";
import { firstMu, nextMu } from "./mirostat.ts";

Deno.test("mirostat's state is in single precision, and moves towards what surprises less", () => {
  const mirostat = { version: 2, tau: 5.1, eta: 0.1 } as const;
  const first = firstMu(mirostat);
  assert.equal(first, Math.fround(2 * Math.fround(5.1)));
  assert.ok(nextMu(mirostat, first, 0.5) > first, "it was less surprising than wanted");
  const after = nextMu(mirostat, first, 0.001);
  assert.ok(after < first);
  assert.equal(after, Math.fround(after));
  // llama.cpp begins with twice the tau that it gets.
  assert.equal(Math.fround(2 * Math.fround(after / 2)), after);
});
