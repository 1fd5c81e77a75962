import assert from "node:assert/strict";
import type { Caller } from "#shared/http/app.ts";
import { keepAliveMs, keepingOf } from "./keep_alive.ts";

Deno.test("a keep_alive is seconds or a duration", () => {
  for (
    const [given, ms] of [
      ...[[5, 5_000], ["5m", 300_000], ["1h30m", 5_400_000], ["300", 300_000]] as const,
      ...[["1.5s", 1_500], ["250ms", 250], [0, 0], ["0", 0], [-1, -1_000], [
        "-1m",
        -60_000,
      ]] as const,
    ]
  ) assert.equal(keepAliveMs(given), ms, String(given));
});

Deno.test("a client's keep_alive is bounded; an operator's unloads, pins, or counts as it is", () => {
  const keeping = (given: string | number | null, role?: Caller["role"], isOpen = false) =>
    keepingOf(
      {
        access: { isOpen },
        config: { models: { keep_alive_min_ms: 60_000, keep_alive_max_ms: 600_000 } },
      } as unknown as Parameters<typeof keepingOf>[0],
      role && { keyId: "k", name: "n", role, limits: {} },
      given,
    );
  const kept = (keepMs: number | undefined, pins = false) => ({ keepMs, pins });
  assert.deepEqual(keeping(null, "client"), kept(undefined));
  for (
    const [given, ms] of [[0, 60_000], ["5m", 300_000], ["2h", 600_000], [-1, 600_000]] as const
  ) {
    assert.deepEqual(keeping(given, "client"), kept(ms));
    // Without a token nobody is an operator.
    assert.deepEqual(keeping(given, undefined, true), kept(ms));
  }
  for (const role of ["operator", undefined] as const) {
    assert.deepEqual(keeping(0, role), kept(0));
    assert.deepEqual(keeping("2h", role), kept(7_200_000));
    assert.deepEqual(keeping(-1, role), kept(undefined, true));
  }
});
