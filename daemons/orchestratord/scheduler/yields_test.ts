import assert from "node:assert/strict";
import { A, dispatched, kinds, pool, progress, Run, submit, worker } from "../testing/scheduler.ts";
import { startOf } from "./forecast.ts";
import { MOST_YIELDS } from "./yields.ts";

const TICK = { kind: "tick" } as const;
const LONG = { tenant: "long", maxTokens: 4000 };
const SHORT = { tenant: "short", maxTokens: 60 };

/** One slot, held by a long job that has delivered this many tokens at 5 s. */
function busy(tokensOut = 1000, more: Record<string, unknown> = {}): Run {
  const run = new Run({ yieldAfterMs: 1_000, queueCapacity: 100 });
  run.at(0, pool([worker("w", A)]), submit("long", 0, { ...LONG, ...more }));
  run.at(100, progress("long"));
  run.at(5_000, pool([worker("w", A)]), progress("long", tokensOut));
  return run;
}

Deno.test("a long job gives its slot to one that has waited, and goes on as another attempt", () => {
  const run = busy();
  run.at(5_000, submit("short", 5_000, SHORT));
  assert.deepEqual(kinds(run.at(5_900, TICK)), [], "it has not waited for long enough");
  run.at(5_950, progress("long", 1100));
  const effects = run.at(6_000, TICK);
  assert.deepEqual(kinds(effects), ["abort", "dispatch"]);
  assert.deepEqual(dispatched(effects), ["short w"]);
  const outcome = { kind: "done" } as const;
  const after = run.at(6_100, {
    ...{ kind: "attempt_ended", jobId: "short", attempt: 1, tokensOut: 60, outcome },
  });
  assert.deepEqual(dispatched(after), ["long w"]);
  const long = run.state.running.get("long")!;
  assert.deepEqual([long.attempt, long.delivered, long.yields, long.failures], [2, 1100, 1, 0]);
});

Deno.test("several jobs yield at once where several wait, and none where a slot will be free soon", () => {
  /** Two slots, held by long jobs; two others wait whose answers take `shortMs`. */
  const two = (shortMs: number, leftTokens = 3_000) => {
    const run = new Run({ yieldAfterMs: 1_000, queueCapacity: 100 });
    const workers = pool([worker("w", A, { slots: 2 })]);
    const longs = [0, 1].map((n) =>
      submit(`long-${n}`, 0, { ...LONG, maxTokens: 1_000 + leftTokens })
    );
    run.at(0, workers, ...longs);
    const served = { tokensIn: 1, tokensOut: 100, answerTokens: 100, isCut: true, speaks: true };
    run.at(0, {
      ...{ kind: "history", fingerprint: A },
      served: { ...served, serviceMs: shortMs, firstTokenMs: shortMs / 100 },
    });
    run.at(100, progress("long-0"), progress("long-1"));
    run.at(5_000, workers, progress("long-0", 1_000), progress("long-1", 1_000));
    const short = { tenant: "short", maxTokens: 100 };
    run.at(5_000, submit("a", 5_000, short), submit("b", 5_000, short));
    run.at(5_950, progress("long-0", 1_200), progress("long-1", 1_200));
    return dispatched(run.at(6_000, TICK));
  };
  assert.deepEqual(two(1_000), ["a w", "b w"]);
  assert.deepEqual(two(100), ["a w"], "the second starts when the first has ended");
  assert.deepEqual(two(1_000, 230), [], "a long one is about to end");
});

Deno.test("no job yields to its own tenant, to a batch job, to a longer one, or before it has had its turn", () => {
  for (
    const other of [
      { ...SHORT, tenant: "long" },
      { ...SHORT, priority: "batch" },
      { ...SHORT, maxTokens: 4000 },
      { ...SHORT, tokensAtMost: 100 },
    ]
  ) {
    const run = busy();
    run.at(5_000, submit("other", 5_000, other));
    run.at(6_100, progress("long", 1100));
    assert.deepEqual(kinds(run.at(6_200, TICK)), [], JSON.stringify(other));
  }
  const fresh = busy(10);
  fresh.at(5_000, submit("short", 5_000, SHORT));
  assert.deepEqual(kinds(fresh.at(6_200, TICK)), [], "it has had less than the short one will");
});

Deno.test("no job yields where its slot would not be free: an orchestrator that led before uses one too many", () => {
  const run = busy();
  run.at(5_000, pool([worker("w", A, { active: 2 })]));
  run.at(5_000, { kind: "slots_held", slots: new Map([["w", 1]]) });
  run.at(5_000, submit("short", 5_000, SHORT));
  run.at(6_100, progress("long", 1100));
  assert.deepEqual(kinds(run.at(6_200, TICK)), []);
});

Deno.test("a job whose answer cannot go on elsewhere keeps its slot", () => {
  const silent = busy(1000, { speaks: false });
  silent.at(5_000, submit("short", 5_000, SHORT));
  silent.at(6_100, progress("long", 1100));
  assert.deepEqual(kinds(silent.at(6_200, TICK)), []);
  const tied = busy();
  tied.at(5_001, submit("short", 5_001, SHORT));
  tied.at(6_100, { ...progress("long", 1100), isTied: true } as ReturnType<typeof progress>);
  assert.deepEqual(kinds(tied.at(6_200, TICK)), []);
});

Deno.test("a job yields a bounded number of times, and never when it is turned off", () => {
  const run = busy();
  run.state.running.get("long")!.yields = MOST_YIELDS;
  run.at(5_000, submit("short", 5_000, SHORT));
  run.at(6_100, progress("long", 1100));
  assert.deepEqual(kinds(run.at(6_200, TICK)), []);
  const off = busy();
  off.at(5_000, { kind: "policy", policy: { ...off.state.policy, yieldAfterMs: 0 } });
  off.at(5_000, submit("short", 5_000, SHORT));
  off.at(6_100, progress("long", 1100));
  assert.deepEqual(kinds(off.at(6_200, TICK)), []);
});

Deno.test("the start of a short job is predicted with the slot that a long one will give it", () => {
  const run = busy();
  const served = { serviceMs: 1100, firstTokenMs: 100, tokensIn: 1, tokensOut: 101 };
  run.at(5_000, {
    ...{ kind: "history", fingerprint: A },
    served: { ...served, answerTokens: 101, isCut: true, speaks: true },
  });
  const asked = {
    ...{ fingerprint: A, priority: "interactive" as const, queuedAt: Infinity, delivered: 0 },
    ...{ tokensIn: 1, speaks: true },
  };
  const startMs = (job: { tenant: string; maxTokens: number }) =>
    startOf(run.state, { ...asked, ...job }, 5_000).expected.mean;
  assert.equal(startMs(SHORT), 1_000);
  assert.ok(startMs(LONG) > 5_000);
});
