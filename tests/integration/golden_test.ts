import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { counterModel } from "../support/models.ts";
import { ROOT, withStack } from "../support/stack.ts";

/** Path of the transcript; `LLORCH_UPDATE_GOLDEN=1` writes it again. */
const GOLDEN = join(ROOT, "tests/integration/testdata/stream.sse");

Deno.test("the bytes of a stream are those of the golden transcript", async () => {
  await withStack({ models: dirname(counterModel()), model: "counter" }, async ({ url }) => {
    const reply = await fetch(`${url}/v2/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({
        model: "counter",
        prompt: "w7",
        max_tokens: 3,
        temperature: 0,
        seed: 1,
      }),
    });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get("content-type"), "text/event-stream; charset=utf-8");
    const transcript = normalise(await reply.text());
    if (Deno.env.get("LLORCH_UPDATE_GOLDEN") === "1") {
      await Deno.mkdir(dirname(GOLDEN), { recursive: true });
      await Deno.writeTextFile(GOLDEN, transcript);
    }
    assert.equal(transcript, await Deno.readTextFile(GOLDEN));
  });
});

/**
 * Replaces values that differ between runs; drops `metrics` events, as their number depends on
 * speed.
 */
function normalise(text: string): string {
  return text
    .replace(/event: metrics\ndata: .*\n\n/g, "")
    .replace(/job-[0-9a-f-]{36}/g, "JOB")
    .replace(/("worker_id":)"[^"]+"/g, '$1"WORKER"')
    .replace(/("started_at":)"[^"]+"/g, '$1"TIME"')
    .replace(/("(?:queue_wait_ms|ttft_ms|decode_time_ms|predicted_start_ms)":)[\d.]+/g, "$1MS");
}
