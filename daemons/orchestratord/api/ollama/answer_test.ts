import assert from "node:assert/strict";
import { end, started } from "../../testing/live_jobs.ts";
import { chatLine, IsoTimes, OllamaTranslator } from "./answer.ts";

Deno.test("IsoTimes writes times as toISOString() does", () => {
  const times = new IsoTimes();
  for (const ms of [0, 7, 999, 1000, 1_700_000_000_042, 1_700_000_000_043, 1_700_000_001_500, 5]) {
    assert.equal(times.write(ms), new Date(ms).toISOString());
  }
});

Deno.test("the durations of an answer are never more than their total", () => {
  const durations = (agoMs: number, waitMs: number) => {
    const translator = new OllamaTranslator("m", chatLine, performance.now() - agoMs);
    const { data } = started();
    const events = [
      { event: "started", data: { ...data, queue_wait_ms: waitMs } },
      end(1, { ttft_ms: 3, decode_time_ms: 4 }),
    ] as const;
    for (const event of events) translator.take(0, { kind: "event", id: 1, event });
    const { total_duration, load_duration, prompt_eval_duration, eval_duration } = translator
      .whole();
    return {
      total: total_duration!,
      load: load_duration!,
      rest: prompt_eval_duration! + eval_duration!,
    };
  };
  const loaded = durations(1_000, 500);
  assert.deepEqual([loaded.load, loaded.rest], [500e6, 7e6]);
  assert.ok(loaded.total >= 1_000e6, "from the request on");
  // Measured by another clock, or an answer that was kept: both seem longer than the whole.
  for (const [agoMs, waitMs] of [[7.5, 11], [0, 0], [0, 11]] as const) {
    const { total, load, rest } = durations(agoMs, waitMs);
    assert.ok(load + rest <= total, JSON.stringify({ total, load, rest }));
    assert.ok(load >= 0);
  }
});
