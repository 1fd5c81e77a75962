import assert from "node:assert/strict";
import type { Input } from "./state.ts";
import {
  A,
  dispatched,
  done,
  kinds,
  pool,
  progress,
  Run,
  submit,
  worker,
} from "../testing/scheduler.ts";

const storage = (isWritable: boolean): Input => ({ kind: "storage", isWritable });
const unwritten = (jobId: string, attempt = 1): Input => ({ kind: "unwritten", jobId, attempt });
const notStored = { isStored: false };

/** One worker whose only slot is held by a stored job. */
function busy(): Run {
  const run = new Run({ queueCapacity: 100, queueTimeoutMs: 1000, poolTimeoutMs: 60_000 });
  run.at(0, pool([worker("w1", A, { slots: 1 })]), submit("s1", 0));
  run.at(1, progress("s1"));
  return run;
}

Deno.test("while the database takes no writes, a job that is not stored passes stored ones", () => {
  const run = busy();
  run.at(10, submit("s2", 10), storage(false), submit("call", 12, notStored), submit("s3", 13));
  assert.deepEqual(dispatched(run.at(20, done("s1"))), ["call w1"]);
  assert.deepEqual(dispatched(run.at(30, done("call"))), []);
  assert.deepEqual(dispatched(run.at(40, storage(true))), ["s2 w1"]);
  assert.deepEqual(dispatched(run.at(50, done("s2"))), ["s3 w1"]);
});

Deno.test("a job with a full write buffer frees its slot, and continues once writes work again", () => {
  const run = busy();
  run.at(10, storage(false), submit("call", 11, notStored));
  const effects = run.at(20, unwritten("s1"));
  assert.deepEqual(kinds(effects), ["abort", "dispatch"]);
  assert.deepEqual(dispatched(effects), ["call w1"]);
  // The job waits for the database, not for a worker.
  assert.deepEqual(kinds(run.at(5000, { kind: "tick" })), []);
  run.at(5010, done("call"));
  const again = run.at(5020, storage(true));
  assert.deepEqual(dispatched(again), ["s1 w1"]);
  assert.equal(run.state.running.get("s1")?.failures, 0);
});

Deno.test("a job keeps its slot while the database takes writes, and reports of earlier attempts are ignored", () => {
  const run = busy();
  assert.deepEqual(kinds(run.at(10, unwritten("s1"))), []);
  run.at(20, storage(false));
  assert.deepEqual(kinds(run.at(30, unwritten("s1", 7))), []);
});

Deno.test("a job that is held back can be cancelled", () => {
  const run = busy();
  run.at(10, submit("s2", 10), storage(false));
  const error = { code: "CANCELLED", message: "no" } as const;
  assert.deepEqual(kinds(run.at(20, { kind: "cancel", jobId: "s2", error })), ["fail"]);
  assert.equal(run.state.held.size, 0);
});
