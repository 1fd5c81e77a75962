import assert from "node:assert/strict";
import { A, B, lost, pool, Run, submit, worker } from "../testing/scheduler.ts";
import { startOf } from "./forecast.ts";

/** One worker with one slot, which a running job holds. */
function full(): Run {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([worker("w1", A)]), submit("running", 0, { tenant: "a" }));
  return run;
}

function ahead(run: Run, id: string): number {
  return startOf(run.state, run.state.queued.get(id)!, 10).ahead;
}

Deno.test("a waiting job has as many jobs ahead of it as was reported when it was submitted", () => {
  const run = full();
  const atSubmission = new Map<string, number>();
  for (const [at, tenant] of ["a", "a", "a"].entries()) {
    const id = `${tenant}${at}`;
    const asked = { fingerprint: A, priority: "interactive" as const, tenant, queuedAt: Infinity };
    const sized = { tokensIn: 1, maxTokens: undefined, speaks: true, delivered: 0 };
    atSubmission.set(id, startOf(run.state, { ...asked, ...sized }, at).ahead);
    run.at(at + 1, submit(id, at + 1, { tenant }));
  }
  assert.deepEqual([...atSubmission.values()], [0, 1, 2]);
  for (const [id, count] of atSubmission) assert.equal(ahead(run, id), count, id);
});

Deno.test("jobs that came later, wait for another model or have a lower priority are not ahead of a job", () => {
  const run = full();
  run.at(1, submit("first", 1, { tenant: "a" }), submit("later", 1, { tenant: "a" }));
  run.at(2, submit("other model", 2, { tenant: "a", fingerprint: B }));
  run.at(3, submit("batch", 3, { tenant: "a", priority: "batch" }));
  assert.equal(ahead(run, "first"), 0);
  assert.equal(ahead(run, "later"), 1);
  assert.equal(ahead(run, "batch"), 2);
  // Two jobs of another tenant, of which none runs: then they take turns.
  run.at(4, submit("b1", 4, { tenant: "b" }), submit("b2", 4, { tenant: "b" }));
  assert.equal(ahead(run, "first"), 1);
  assert.equal(ahead(run, "later"), 3);
});

Deno.test("a job that pauses after a lost worker is ahead of those that came after it", () => {
  const run = full();
  run.at(1, submit("second", 1, { tenant: "a" }));
  run.at(2, lost("running", 1));
  run.at(200, pool([worker("w2", A)]));
  const again = [...run.state.running.keys()];
  assert.deepEqual(again, ["running"]);
  run.at(201, lost("running", 2));
  assert.ok(run.state.paused.has("running"));
  assert.equal(ahead(run, "running"), 0);
});
