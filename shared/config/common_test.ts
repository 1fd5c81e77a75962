import assert from "node:assert/strict";
import { hostKey, limitsSection, listenLimits } from "./common.ts";

Deno.test("an IPv6 address may be in brackets", () => {
  assert.equal(hostKey.parse("[::1]"), "::1");
  assert.equal(hostKey.parse("::1"), "::1");
  assert.equal(hostKey.parse(undefined), "127.0.0.1");
  assert.equal(hostKey.parse("[gpu1]"), "[gpu1]");
});

Deno.test("connections stay open for 75 s, longer than clients keep them, or for the configured time", () => {
  assert.equal(listenLimits(limitsSection.parse({})).keepAliveMs, 75_000);
  assert.equal(listenLimits(limitsSection.parse({ keep_alive_ms: 5 })).keepAliveMs, 5);
  assert.throws(() => limitsSection.parse({ keep_alive_ms: 0 }), /keep_alive_ms/);
});
