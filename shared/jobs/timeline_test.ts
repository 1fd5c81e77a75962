import assert from "node:assert/strict";
import type { JobView } from "../contracts/job.ts";
import { timeline } from "./timeline.ts";

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000Z`;
const job: JobView = {
  job_id: "job-1",
  status: "completed",
  model: "demo",
  priority: "batch",
  created_at: at(0),
  first_token_at: at(3),
  ended_at: at(9),
  attempts: [
    {
      worker_id: "w-1",
      pool_id: "p",
      started_at: at(2),
      ended_at: at(5),
      reason: "WORKER_LOST",
    },
    { worker_id: "w-2", pool_id: "p", started_at: at(5), ended_at: at(9) },
  ],
  usage: { tokens_in: 4, tokens_cached: 1, tokens_out: 20 },
  stop_reason: "EOS",
};

Deno.test("timeline() lists attempts with their reasons, and the end with its usage", () => {
  assert.deepEqual(timeline(job), [
    ["+0 ms", "created", at(0)],
    ["+0 ms", "queued", "for 2 s"],
    ["+2 s", "attempt 1", "on w-1 of pool p"],
    ["+3 s", "first token", ""],
    ["+5 s", "attempt 1", "given up: WORKER_LOST"],
    ["+5 s", "attempt 2", "on w-2 of pool p"],
    ["+9 s", "completed", "EOS: 20 tokens out, 4 in (1 of them from the cache)"],
  ]);
});

Deno.test("timeline() says that an answer does not satisfy its schema", () => {
  const last = (validated: boolean) => timeline({ ...job, validated }).at(-1)?.[2] ?? "";
  assert.match(last(false), /; the answer does not satisfy its schema$/);
  assert.equal(last(true), timeline(job).at(-1)?.[2]);
});

Deno.test("timeline() of a waiting job ends with the current time", () => {
  const { ended_at: _ended, first_token_at: _first, usage: _usage, ...waiting } = job;
  assert.deepEqual(timeline({ ...waiting, status: "queued", attempts: [] }).slice(1), [
    ["+0 ms", "queued", ""],
    ["now", "queued", ""],
  ]);
});

Deno.test("timeline() marks an attempt that may have ended its worker", () => {
  const [first, second] = job.attempts;
  const suspect = { ...job, attempts: [{ ...first!, suspect: true }, second!] };
  const [, row] = timeline(suspect).filter(([, event]) => event === "attempt 1");
  assert.equal(row?.[2], "given up: WORKER_LOST (this job is the likeliest cause)");
});
