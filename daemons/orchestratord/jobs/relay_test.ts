import assert from "node:assert/strict";
import { inferencePart, type WorkerEvent } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import type { SseMessage } from "#shared/http/sse.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { FakeStreams } from "../testing/fake_streams.ts";
import { end, metrics, started, taskOf, token } from "../testing/live_jobs.ts";
import { relay, type RelayOptions } from "./relay.ts";

const STALL_MS = 1_000;

/** Starts an attempt on a worker whose events the test sends. */
function begin(streams = new FakeStreams(), onEvent: RelayOptions["onEvent"] = () => {}) {
  const clock = new FakeClock();
  const fence = new AbortController();
  const events: WorkerEvent[] = [];
  const waiting: (() => void)[] = [];
  const outcome = relay({
    client: createClient({ baseUrl: "http://worker", openEvents: streams.open }),
    workerId: "w1",
    request: {
      ...inferencePart(taskOf()),
      ...{ job_id: "j1", attempt: 1, resume_tokens: [], resume_index: 0 },
    },
    signal: fence.signal,
    stallMs: STALL_MS,
    correlationId: "c1",
    clock,
    onEvent(event) {
      events.push(event);
      for (const check of waiting) check();
      return onEvent(event);
    },
  });
  return {
    clock,
    fence,
    outcome,
    stream: streams.opened[0]!,
    /** Events that were passed on. */
    events,
    /** Resolves once this many events were passed on. */
    received: (count: number) =>
      new Promise<void>((resolve) => {
        const check = () => void (events.length >= count && resolve());
        waiting.push(check);
        check();
      }),
  };
}

/** A token event with changed data. */
const tokenLike = (data: Record<string, unknown>) => ({
  event: "token",
  data: { ...token(0).data, ...data },
});

const logprobs = [{ id: 1, t: "a", logprob: -1, top: [] }];

Deno.test("relay() passes on the answer, thoughts and calls, without unknown fields", async () => {
  const { stream, events, outcome } = begin();
  const thought = tokenLike({ channel: "reasoning" });
  const withLogprobs = tokenLike({ logprobs });
  const mirostat = [tokenLike({ mirostat_mu: 9.5 }), tokenLike({ mirostat_mu: -1, logprobs })];
  const called = tokenLike({ channel: "call", call: { index: 0, id: "abcdefgh1", name: "f" } });
  const argued = tokenLike({ ids: [], channel: "call", call: { index: 0 }, logprobs });
  const more = { of: "a newer worker" };
  const tokens = [thought, token(1), withLogprobs, ...mirostat, called, argued];
  const all = [started(), ...tokens, metrics(2)];
  for (const { event, data } of all) {
    stream.say({ event, data: { ...data, ...more } });
  }
  stream.say(end(2));
  assert.deepEqual(await outcome, { kind: "done" });
  assert.deepEqual(events, [...all, end(2)]);
});

Deno.test("relay() refuses anything that is not a worker's event, and closes the connection", async () => {
  const bad: readonly (Partial<SseMessage> & { readonly what: string })[] = [
    { what: "a state that is a text", data: JSON.stringify(tokenLike({ mirostat_mu: "1" }).data) },
    { what: "another channel", data: JSON.stringify(tokenLike({ channel: "other" }).data) },
    {
      what: "a call of which nothing is said",
      data: JSON.stringify(tokenLike({ channel: "call" }).data),
    },
    {
      what: "a call on no channel, with logprobs",
      data: JSON.stringify(tokenLike({ call: { index: 0 }, logprobs }).data),
    },
    {
      what: "a call without its index",
      data: JSON.stringify(tokenLike({ channel: "call", call: { name: "f" } }).data),
    },
    { what: "no ids", data: JSON.stringify(tokenLike({ ids: undefined }).data) },
    { what: "ids in another shape", data: JSON.stringify(tokenLike({ ids: 1 }).data) },
    { what: "a broken index", data: JSON.stringify(tokenLike({ i: 0.5 }).data) },
    { what: "text that is not a string", data: JSON.stringify(tokenLike({ t: 1 }).data) },
    {
      what: "another channel, with logprobs",
      data: JSON.stringify(tokenLike({ channel: "other", logprobs }).data),
    },
    {
      what: "no ids, with logprobs",
      data: JSON.stringify(tokenLike({ ids: undefined, logprobs }).data),
    },
    { what: "null", data: "null" },
    { what: "invalid JSON", data: "{" },
    { what: "an unknown event", event: "surprise", data: "{}" },
    { what: "an end without figures", event: "end", data: "{}" },
  ];
  for (const { what, event = "token", data = "" } of bad) {
    const { stream, events, outcome } = begin();
    stream.sayText({ event, data });
    const { kind, brokeOff, message } = { brokeOff: undefined, message: "", ...await outcome };
    assert.deepEqual({ kind, brokeOff }, { kind: "lost", brokeOff: true }, what);
    // What is no JSON comes from no version.
    if (data !== "{") assert.match(message, /upgrade orchestratord first/, what);
    assert.deepEqual(events, [], what);
    assert.ok(stream.isClosed, what);
  }
});

Deno.test("a worker that is silent for the stall time is lost", async () => {
  const { clock, stream, outcome, received } = begin();
  clock.advance(STALL_MS - 1);
  stream.say(started());
  await received(1);
  clock.advance(STALL_MS - 1);
  stream.say(metrics(0));
  await received(2);
  clock.advance(STALL_MS);
  assert.deepEqual(await outcome, {
    kind: "lost",
    message: `the worker was silent for ${STALL_MS} ms`,
    silentMs: STALL_MS,
  });
  assert.ok(stream.isClosed);
  assert.equal(clock.pending, 0);
});

Deno.test("while an event waits to be taken, the next one waits, and the worker does not count as silent", async () => {
  const taken = Promise.withResolvers<void>();
  const { clock, stream, events, outcome, received } = begin(
    new FakeStreams(),
    ({ event }) => event === "started" ? taken.promise : undefined,
  );
  stream.say(started(), token(0));
  await received(1);
  clock.advance(10 * STALL_MS);
  assert.equal(stream.isClosed, false);
  assert.deepEqual(events, [started()]);
  taken.resolve();
  await received(2);
  assert.deepEqual(events, [started(), token(0)]);
  clock.advance(STALL_MS);
  assert.equal((await outcome).kind, "lost", "from then on the silence counts again");
});

Deno.test("an error of a worker ends the job if another try would end the same way", async () => {
  const meanings = {
    NOT_READY: "lost",
    QUEUE_FULL: "lost",
    CONFLICT: "lost",
    CANCELLED: "lost",
    INTERNAL: "lost",
    UNAUTHORIZED: "lost",
    WORKER_LOST: "lost",
    CONTEXT_LENGTH_EXCEEDED: "failed",
    INVALID_REQUEST: "failed",
  } as const;
  for (const code of Object.keys(meanings) as (keyof typeof meanings)[]) {
    const details = { tokens: 9 };
    const error = new LlorchError(code, "so it is", { details });
    const { stream, outcome } = begin();
    stream.say({
      event: "error",
      data: { code, message: error.message, retriable: error.retriable, details },
    });
    const streams = new FakeStreams();
    streams.refuseWith = error;
    for (const found of [await outcome, await begin(streams).outcome]) {
      assert.equal(found.kind, meanings[code], code);
      if (found.kind === "lost") assert.equal(found.message, `${code}: so it is`);
      if (found.kind === "lost") assert.equal(found.brokeOff, undefined, "the worker lives");
      if (found.kind !== "failed") continue;
      assert.equal(found.error.code, code);
      assert.deepEqual(found.error.details, details);
    }
  }
});

Deno.test("an answer that its engine cannot continue ends the job, and the client may retry", async () => {
  const { stream, outcome } = begin();
  const data = { code: "WORKER_LOST", message: "no way on", retriable: false } as const;
  stream.say({ event: "error", data });
  const found = await outcome;
  assert.ok(found.kind === "failed");
  assert.equal(found.error.code, "WORKER_LOST");
  assert.equal(found.error.retriable, true);
});

Deno.test("a stream that ends without an end, or breaks, is lost, and its worker may have died", async () => {
  const ended = begin();
  ended.stream.say(started(), token(0));
  ended.stream.end();
  assert.deepEqual(await ended.outcome, {
    kind: "lost",
    message: "the worker's stream ended without an end event",
    brokeOff: true,
  });
  assert.equal(ended.events.length, 2);

  const broken = begin();
  broken.stream.say(started());
  await broken.received(1);
  broken.stream.breakOff("connection reset");
  assert.deepEqual(await broken.outcome, {
    kind: "lost",
    message: "the worker's stream broke off: connection reset",
    brokeOff: true,
  });
});

Deno.test("a fenced attempt closes its connection; a finished one lets the worker close it", async () => {
  const fenced = begin();
  fenced.stream.say(started());
  await fenced.received(1);
  fenced.fence.abort();
  await fenced.stream.closed;
  assert.equal((await fenced.outcome).kind, "lost");
  assert.equal(fenced.clock.pending, 0);

  const done = begin();
  done.stream.say(started(), end(0), token(0));
  assert.deepEqual(await done.outcome, { kind: "done" });
  assert.equal(done.stream.isClosed, false);
  assert.deepEqual(done.events, [started(), end(0)], "nothing comes after the end");
  assert.equal(done.clock.pending, 0);
});
