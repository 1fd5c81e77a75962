import assert from "node:assert/strict";
import { A, dispatched, pool, progress, Run, submit, worker } from "../testing/scheduler.ts";

const DONE = { kind: "done" } as const;
const BOTH = pool([worker("w1", A), worker("w2", A)]);

/**
 * Two workers of one slot that read a token in 1 ms and generate one in 10 ms. At 10 s the first one, which has
 * read the chat, generates for another job with `left` tokens to go; the second one is free.
 */
function busy(left: number): Run {
  const run = new Run();
  run.at(0, BOTH);
  const serve = (at: number, id: string, tokensRead: number, affinity: string[]) => {
    run.at(at, submit(id, at, { tokensIn: tokensRead, affinity, maxTokens: 100 }));
    run.at(at, { kind: "heard", jobId: id, attempt: 1, tokensRead });
    run.at(at + tokensRead, progress(id));
    const end = { kind: "attempt_ended", jobId: id, attempt: 1, tokensOut: 100 } as const;
    run.at(at + tokensRead + 990, { ...end, outcome: DONE });
  };
  serve(0, "small", 100, []);
  serve(2_000, "chat-1", 1_000, ["chat"]);
  run.at(8_000, BOTH);
  run.at(
    9_000,
    submit("other", 9_000, { tokensIn: 10, affinity: ["chat"], maxTokens: 100 + left }),
  );
  run.at(9_010, progress("other"));
  run.at(10_000, BOTH, progress("other", 100));
  return run;
}

const next = (tokensIn: number, affinity = ["chat"]) =>
  submit("chat-2", 10_000, { tokensIn, affinity, maxTokens: 100 });
const ENDS = { kind: "attempt_ended", jobId: "other", attempt: 1, tokensOut: 120 } as const;

Deno.test("a job waits for the worker that has read its prompt, if that is sooner than reading it elsewhere", () => {
  const run = busy(20);
  assert.deepEqual(dispatched(run.at(10_000, next(1_000))), []);
  assert.deepEqual(dispatched(run.at(10_200, { ...ENDS, outcome: DONE })), ["chat-2 w1"]);
});

Deno.test("a job does not wait for its worker where that takes longer, or where little is to be read", () => {
  assert.deepEqual(dispatched(busy(200).at(10_000, next(1_000))), ["chat-2 w2"]);
  assert.deepEqual(dispatched(busy(20).at(10_000, next(100))), ["chat-2 w2"]);
});

Deno.test("a job waits longer where its reading would hold up the answers of others", () => {
  const run = busy(150);
  const two = pool([worker("w1", A), worker("w2", A, { slots: 2 })]);
  run.at(10_000, two);
  // Its worker is free in 1.5 s, and reading takes 1 s.
  run.at(10_000, submit("beside", 10_000, { tokensIn: 10, affinity: [], maxTokens: 1_000 }));
  assert.equal(run.state.running.get("beside")?.lease?.workerId, "w2");
  assert.deepEqual(dispatched(run.at(10_000, next(1_000))), []);
  assert.deepEqual(dispatched(busy(150).at(10_000, next(1_000))), ["chat-2 w2"], "nobody is there");
});

Deno.test("of jobs that wait, each worker gets those that it has read, though others came first", () => {
  const run = busy(200);
  run.at(10_000, submit("x", 10_000, { tokensIn: 1_000, affinity: [], maxTokens: 300 }));
  assert.equal(run.state.running.get("x")?.lease?.workerId, "w2");
  run.at(10_500, next(1_000), submit("new", 10_500, { tokensIn: 10, affinity: [], maxTokens: 10 }));
  // The chat came first, but its worker is another one.
  const end = { kind: "attempt_ended", jobId: "x", attempt: 1, tokensOut: 0 } as const;
  assert.deepEqual(dispatched(run.at(10_600, { ...end, outcome: DONE })), ["new w2"]);
});

Deno.test("a job that waits for its worker lets others pass, and not for longer than it could read", () => {
  const run = busy(20);
  run.at(10_000, next(1_000));
  const other = submit("new", 10_001, { tokensIn: 10, affinity: [], maxTokens: 10 });
  assert.deepEqual(dispatched(run.at(10_001, other)), ["new w2"]);
  const late = busy(20);
  late.at(10_000, next(1_000));
  // Its worker does not become free as expected.
  assert.deepEqual(dispatched(late.at(11_100, { kind: "tick" })), ["chat-2 w2"]);
});
