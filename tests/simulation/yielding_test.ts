import assert from "node:assert/strict";
import { MOST_YIELDS } from "../../daemons/orchestratord/scheduler/yields.ts";
import { type Mix, runMix } from "./yielding.ts";

const BASE: Mix = { yieldAfterMs: 750, longAtOnce: 6, restoreMs: 20, tokenMs: 1.7 };

Deno.test("short jobs beside long ones start within 1.5 s, and all together lose less than 3 %", () => {
  for (const tokenMs of [1.7, 5]) {
    const never = runMix({ ...BASE, tokenMs, yieldAfterMs: 0 });
    const yielding = runMix({ ...BASE, tokenMs });
    assert.ok(never.p95 > 5_000, "there is something to gain");
    assert.ok(yielding.p95 < 1_500, JSON.stringify(yielding));
    const lost = 1 - yielding.tokensPerSecond / never.tokensPerSecond;
    assert.ok(lost < 0.03, `${lost} of the tokens are lost: ${JSON.stringify(yielding)}`);
    assert.ok(yielding.mostYields > 0 && yielding.mostYields <= MOST_YIELDS);
    assert.equal(yielding.wrong, 0);
  }
});

Deno.test("a slot that is kept for short jobs costs more than slots that are given back", () => {
  const kept = runMix({ ...BASE, yieldAfterMs: 0, longAtOnce: 1 });
  assert.ok(kept.tokensPerSecond < 0.8 * runMix(BASE).tokensPerSecond, JSON.stringify(kept));
});
