/**
 * The times that refusals name.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FINGERPRINT, withHarness } from "./testing/harness.ts";

const BODY = { model: "counter", max_tokens: 3, messages: [{ role: "user", content: "w7" }] };

Deno.test("a model that cannot be started says when the next start is, and that no client should wait for it", () =>
  withHarness({ workers: { breaker_failures: 1, breaker_open_ms: 300_000 } }, async (harness) => {
    harness.pool.broken.add(FINGERPRINT);
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      for (const stream of [false, true]) {
        const reply = await fetch(harness.url + path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...BODY, stream }),
        });
        await reply.body?.cancel();
        assert.equal(reply.status, 503);
        const seconds = Number(reply.headers.get("retry-after"));
        assert.ok(seconds > 200 && seconds <= 300, `${seconds} s`);
        assert.equal(reply.headers.get("x-should-retry"), "false");
      }
    }
    const events = await harness.events({ model: "counter", prompt: "w7" });
    const last = events.at(-1);
    assert.ok(last?.event === "error" && last.data.retry_after_ms! > 200_000);
  }));
