import assert from "node:assert/strict";
import type { ChosenLogprob } from "#shared/contracts/events.ts";
import { LlorchError } from "#shared/errors.ts";
import { createLogger } from "#shared/logging.ts";
import { outline, readEvents, textOf } from "../testing/generator.ts";
import { answerContext } from "../testing/run.ts";
import { StoppedClock } from "../testing/stopped_clock.ts";
import { Answer, type AnswerContext, type AnswerSpec, type TokenCounts } from "./answer.ts";

const NOTHING = { text: "", calls: [] };
const NONE: TokenCounts = { tokensIn: 0, tokensCached: 0, tokensOut: 0, resumed: 0 };

/** An answer with recorded calls of its observer, its log and its source. */
function open(spec: Partial<AnswerSpec> = {}, context: Partial<AnswerContext> = {}) {
  const observed: unknown[][] = [];
  const lines: string[] = [];
  const source = { counts: NONE, rooms: 0, ends: 0, onEnded: () => {} };
  const answer = new Answer(
    {
      jobId: "j",
      epoch: 0,
      attempt: 2,
      workerId: "w",
      modelRef: "m",
      resumeIndex: 0,
      seed: 7,
      ...spec,
    },
    answerContext({
      observer: {
        started: (queueMs) => observed.push(["started", queueMs]),
        token: (ms, first) => observed.push(["token", ms, first]),
        ended: (figures, outcome) => observed.push(["ended", figures, outcome]),
      },
      log: { ...createLogger("test"), info: (event) => lines.push(event) },
      ...context,
    }),
    {
      counts: () => source.counts,
      onRoom: () => source.rooms++,
      onEnded() {
        source.ends++;
        source.onEnded();
      },
    },
  );
  const outcomes = () => observed.filter(([what]) => what === "ended").map((each) => each[2]);
  return { answer, observed, lines, source, outcomes };
}

const internal = () => new LlorchError("INTERNAL", "It broke");

Deno.test("the events of an answer come in their order, with the figures of source and clock", async () => {
  using clock = new StoppedClock();
  const { answer, source } = open({ resumeIndex: 4 }, { queueDepth: () => 3 });
  const logprob: ChosenLogprob = { id: 2, t: "b", logprob: -1, top: [] };
  source.counts = { ...NONE, tokensOut: 2, resumed: 2, prompt: { done: 3, total: 7 } };
  clock.pass(5);
  answer.start();
  clock.pass(2.5);
  answer.report();
  clock.pass(17.6234);
  answer.sawTokens(1);
  answer.text("a", [1], []);
  clock.pass(10.4);
  answer.sawTokens(2);
  answer.text("bc", [2, 3], [logprob]);
  source.counts = { tokensIn: 5, tokensCached: 3, tokensOut: 5, resumed: 2 };
  answer.report();
  clock.pass(7);
  answer.end("EOS", NOTHING);

  const [started, ...rest] = await readEvents(answer.stream.body);
  assert.ok(started?.event === "started");
  const { started_at: _, ...data } = started.data;
  assert.deepEqual(data, { job_id: "j", worker_id: "w", model: "m" });
  const metrics = { queue_depth: 3, attempt: 2 };
  assert.deepEqual(rest, [
    {
      event: "metrics",
      data: {
        ...metrics,
        tokens_out: 2,
        prompt_done: 3,
        prompt_total: 7,
        prompt_cached: 0,
        prompt_ms: 2.5,
        decode_time_ms: 0,
        tokens_per_second: 0,
      },
    },
    { event: "token", data: { t: "a", i: 4, ids: [1] } },
    { event: "token", data: { t: "bc", i: 5, ids: [2, 3], logprobs: [logprob] } },
    {
      event: "metrics",
      // Two tokens after the first new one, in 10.4 ms.
      data: { ...metrics, tokens_out: 5, decode_time_ms: 10, tokens_per_second: 192.31 },
    },
    {
      event: "end",
      data: {
        tokens_in: 5,
        tokens_cached: 3,
        tokens_out: 5,
        ttft_ms: 20.123,
        decode_time_ms: 10.4,
        stop_reason: "EOS",
        seed: 7,
      },
    },
  ]);
});

Deno.test("the observer is called for the start, for each token once, and for the end", async () => {
  using clock = new StoppedClock();
  const { answer, observed, source } = open();
  clock.pass(5);
  answer.start();
  clock.pass(20);
  answer.sawTokens(2);
  clock.pass(9);
  answer.sawTokens(3);
  clock.pass(100);
  source.counts = { tokensIn: 5, tokensCached: 3, tokensOut: 5, resumed: 0 };
  answer.end("MAX_TOKENS", NOTHING);
  await readEvents(answer.stream.body);
  assert.deepEqual(observed, [
    ["started", 5],
    ["token", 10, true],
    ["token", 10, false],
    ["token", 3, false],
    ["token", 3, false],
    ["token", 3, false],
    ["ended", { tokensIn: 5, tokensCached: 3, decodeMs: 9 }, "completed"],
  ]);
});

Deno.test("a token that is not counted sets the times, and the observer is not called", async () => {
  using clock = new StoppedClock();
  const { answer, observed } = open();
  answer.start();
  clock.pass(20);
  assert.equal(answer.hasTokens, false);
  answer.sawTokens(0);
  assert.equal(answer.hasTokens, true);
  clock.pass(10);
  answer.sawTokens(0);
  clock.pass(5);
  answer.sawTokens(1);
  answer.end("EOS", NOTHING);
  const end = (await readEvents(answer.stream.body)).at(-1);
  assert.ok(end?.event === "end");
  assert.deepEqual([end.data.ttft_ms, end.data.decode_time_ms], [20, 15]);
  assert.deepEqual(observed.slice(1, -1), [["token", 5, true]], "the first token that is counted");
});

const ways: readonly (readonly [how: string, last: string, (answer: Answer) => void])[] = [
  ["completed", "end EOS", (answer) => answer.end("EOS", NOTHING)],
  ["failed", "error INTERNAL", (answer) => answer.fail(internal())],
  ["cancelled", "error CANCELLED", (answer) => answer.leave()],
];

for (const [outcome, last, finish] of ways) {
  Deno.test(`an answer that was ${outcome} has no other end, and nothing follows it`, async () => {
    for (const [, , finishAgain] of ways) {
      const { answer, lines, source, outcomes } = open();
      source.onEnded = () => finishAgain(answer);
      answer.start();
      finish(answer);
      finishAgain(answer);
      answer.text("late", [1], []);
      answer.report();
      assert.equal(answer.ended, true);
      const events = await readEvents(answer.stream.body);
      assert.equal(events.length, 2);
      assert.deepEqual(outline(events), ["started", last]);
      assert.deepEqual([source.ends, outcomes(), lines], [1, [outcome], ["run_ended"]]);
    }
  });
}

Deno.test("a reader that goes away cancels an answer, but none that has ended", async () => {
  const left = open();
  left.answer.start();
  await left.answer.stream.body.cancel();
  assert.equal(left.answer.ended, true);
  left.answer.end("EOS", NOTHING);
  assert.deepEqual([left.source.ends, left.outcomes()], [1, ["cancelled"]]);

  const ended = open();
  ended.answer.end("EOS", NOTHING);
  await ended.answer.stream.body.cancel();
  assert.deepEqual([ended.source.ends, ended.outcomes()], [1, ["completed"]]);
});

Deno.test("a reader that takes nothing for the stall time is given up, and not before", async () => {
  using clock = new StoppedClock();
  const { answer, outcomes } = open({}, { streamBuffer: 2, slowReaderMs: 1000 });
  answer.start();
  clock.pass(5000);
  answer.text("a", [1], []);
  clock.pass(1000);
  answer.requireReader();
  assert.equal(answer.ended, false);
  clock.pass(1);
  answer.requireReader();
  assert.deepEqual(outcomes(), ["failed"]);
  const error = (await readEvents(answer.stream.body)).at(-1);
  assert.ok(error?.event === "error");
  assert.deepEqual([error.data.code, error.data.retriable], ["TIMEOUT", false]);
});

Deno.test("a slow reader loses metrics, never tokens, and makes room when it reads", async () => {
  const { answer, source } = open({}, { streamBuffer: 2 });
  answer.start();
  answer.report();
  answer.text("a", [1], []);
  answer.report();
  answer.text("b", [2], []);
  assert.equal(source.rooms, 0);
  const [mine, other] = answer.stream.body.tee();
  await other.getReader().read();
  assert.equal(source.rooms, 1);
  answer.report();
  answer.end("EOS", NOTHING);
  const events = await readEvents(mine);
  assert.equal(textOf(events), "ab");
  assert.deepEqual(events.map(({ event }) => event), [
    "started",
    "metrics",
    "token",
    "token",
    "metrics",
    "end",
  ]);
});

Deno.test("an error is sent with all fields that its reader can use", async () => {
  const { answer } = open();
  const details = { prompt_tokens: 9 };
  answer.fail(new LlorchError("QUEUE_FULL", "Too many", { retryAfterMs: 50, details }));
  assert.deepEqual(await readEvents(answer.stream.body), [{
    event: "error",
    data: {
      code: "QUEUE_FULL",
      message: "Too many",
      retriable: true,
      retry_after_ms: 50,
      details,
    },
  }]);
});

Deno.test("an answer ends with the calls that were made", async () => {
  const { answer } = open();
  const call = { id: "c1", type: "function", function: { name: "f", arguments: "{}" } } as const;
  answer.end("TOOL_CALLS", { text: "", calls: [call] });
  const [end] = await readEvents(answer.stream.body);
  assert.ok(end?.event === "end");
  assert.deepEqual([end.data.stop_reason, end.data.tool_calls], ["TOOL_CALLS", [call]]);
});

Deno.test("the end says whether the answer satisfies its schemas, unless it was cut off", async () => {
  const endOf = async (reason: "EOS" | "MAX_TOKENS", validated: boolean | undefined) => {
    const seen: unknown[] = [];
    const validate = (answer: unknown) => {
      seen.push(answer);
      return validated;
    };
    const { answer } = open({ validate });
    answer.end(reason, { text: "[]", calls: [] });
    const [end] = await readEvents(answer.stream.body);
    assert.ok(end?.event === "end");
    return { seen, validated: end.data.validated };
  };
  const seen = [{ text: "[]", calls: [] }];
  assert.deepEqual(await endOf("EOS", true), { seen, validated: true });
  assert.deepEqual(await endOf("EOS", false), { seen, validated: false });
  assert.deepEqual(await endOf("EOS", undefined), { seen, validated: undefined });
  assert.deepEqual(await endOf("MAX_TOKENS", false), { seen: [], validated: undefined });
});

Deno.test("an answer says with each text what it has taken so far, if it is asked to", async () => {
  using clock = new StoppedClock();
  const { answer, source } = open({ tokenTimings: true });
  answer.start();
  for (const [index, text] of ["a", "b"].entries()) {
    clock.pass(10);
    answer.sawTokens(1);
    source.counts = { ...NONE, tokensIn: 5, tokensCached: 3, tokensOut: index + 1 };
    answer.text(text, [index], []);
  }
  answer.end("EOS", NOTHING);
  const events = await readEvents(answer.stream.body);
  const timings = events.flatMap(({ event, data }) => event === "token" ? [data.timings] : []);
  const both = { tokens_in: 5, tokens_cached: 3, ttft_ms: 10 };
  assert.deepEqual(timings, [
    { ...both, tokens_out: 1, decode_time_ms: 0 },
    { ...both, tokens_out: 2, decode_time_ms: 10 },
  ]);
});
