import assert from "node:assert/strict";
import type { ErrorData, WorkerEvent } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { configSchema } from "../config.ts";
import { createOrchestratorMetrics } from "../metrics.ts";
import { factsOf } from "../testing/orchestrator_facts.ts";
import type { Effect, Input } from "../scheduler/state.ts";
import type { KeyStore } from "../store/key_store.ts";
import {
  acceptedJob,
  attemptOn,
  end,
  errorOf,
  metrics as figures,
  names,
  readAll,
  readTo,
  started,
  T0,
  token,
} from "../testing/live_jobs.ts";
import { valueOf } from "../testing/metric_values.ts";
import { recordingLog } from "../testing/recording_log.ts";
import { A, pool, Run, submit, worker } from "../testing/scheduler.ts";
import { holdAppends, withStore } from "../testing/temp_store.ts";
import { Attempts } from "./attempts.ts";
import type { LiveJob } from "./live_job.ts";
import type { RelayOutcome, RunAttempt } from "./relay.ts";

const LOST: RelayOutcome = { kind: "lost", message: "connection reset", brokeOff: true };
const DAY = 24 * 3_600_000;

/** Attempts with a scheduler that only records its inputs. */
function open({ clock = new FakeClock(), addTokens = () => Promise.resolve() }: {
  clock?: FakeClock;
  addTokens?: KeyStore["addTokens"];
} = {}) {
  const scheduler = new Run();
  const config = configSchema.parse({});
  const [sent, failed]: [Input[], ErrorData[]] = [[], []];
  const ended: { readonly id: string; readonly hadLastEvent: boolean }[] = [];
  const log = recordingLog();
  const metrics = createOrchestratorMetrics(factsOf(() => scheduler.state));
  const attempts = new Attempts({
    ...{ config, clock, log, metrics },
    loop: { state: scheduler.state, send: (input) => void sent.push(input) },
    store: { keys: { addTokens } },
    images: { filled: (messages) => Promise.resolve([...messages]) },
    http: undefined,
    openEvents: () => Promise.reject(new Error("There is no network")),
    onFailed: (_, error) => void failed.push(error),
  }, (job) => void ended.push({ id: job.id, hadLastEvent: job.ended }));
  return { attempts, scheduler, config, clock, sent, failed, ended, log, metrics };
}

/** The effect that gives a job a slot of a worker. */
function dispatch(attempt = 1): Extract<Effect, { kind: "dispatch" }> {
  const { worker_id } = attemptOn(`w${attempt}`);
  return { kind: "dispatch", jobId: "j1", attempt, poolId: "p1", worker: worker(worker_id, A) };
}

/** A worker that sends these events, each once the one before is taken. */
function workerSending(
  events: readonly Exclude<WorkerEvent, { event: "error" }>[],
  outcome: RelayOutcome = { kind: "done" },
): RunAttempt {
  return async ({ onEvent }) => {
    for (const event of events) await onEvent(event);
    return outcome;
  };
}

/** Runs the n-th attempt with the n-th of `runs`. */
function inTurn(...runs: readonly RunAttempt[]): RunAttempt {
  const left = [...runs];
  return (options) => left.shift()!(options);
}

Deno.test("a lost attempt puts its job back, and reports to the scheduler what it delivered and why it ended", () =>
  withStore(async (store) => {
    const { attempts, sent, failed, ended, clock } = open();
    const lost = workerSending([started(), token(0, [5, 6]), token(1)], LOST);
    const job = await acceptedJob({ store, runAttempt: lost });
    await attempts.run(job, dispatch());
    assert.deepEqual(sent.at(-1), {
      kind: "attempt_ended",
      jobId: "j1",
      attempt: 1,
      tokensOut: 3,
      outcome: LOST,
    });
    assert.equal(job.ended, false);
    assert.deepEqual([failed, ended], [[], []]);
    const row = (await store.get("j1"))!;
    assert.equal(row.status, "queued");
    assert.deepEqual(
      row.attempts.map(({ worker_id, reason, ended_at }) => [
        worker_id,
        reason,
        ended_at,
      ]),
      [["w1", "connection reset", new Date(clock.now()).toISOString()]],
    );
  }));

Deno.test("the next attempt resumes from the delivered tokens, and counts only its own", async () => {
  const { attempts, sent } = open();
  const requests: unknown[] = [];
  const noted = (run: RunAttempt): RunAttempt => (options) => {
    const { attempt, resume_tokens, resume_index } = options.request;
    requests.push({ attempt, resume_tokens, resume_index });
    return run(options);
  };
  const job = await acceptedJob({
    runAttempt: inTurn(
      workerSending([started(), token(0, [5, 6])], LOST),
      noted(workerSending([started(), token(1, [7])], LOST)),
      // The outcome of a stream after its end does not matter.
      noted(workerSending([started(), token(2, [8]), end(4, { seed: 1 })], LOST)),
    ),
  });
  await attempts.run(job, dispatch(1));
  sent.length = 0;
  await attempts.run(job, dispatch(2));
  await attempts.run(job, dispatch(3));
  assert.deepEqual(requests, [
    { attempt: 2, resume_tokens: [5, 6], resume_index: 1 },
    { attempt: 3, resume_tokens: [5, 6, 7], resume_index: 2 },
  ]);
  const [second, third] = [{ jobId: "j1", attempt: 2 }, { jobId: "j1", attempt: 3 }];
  assert.deepEqual(sent, [
    { kind: "heard", ...second },
    { kind: "progress", ...second, tokensOut: 1 },
    { kind: "attempt_ended", ...second, tokensOut: 1, outcome: LOST },
    { kind: "heard", ...third },
    { kind: "progress", ...third, tokensOut: 1 },
    { kind: "attempt_ended", ...third, tokensOut: 1, outcome: { kind: "done" } },
  ]);
  const events = await readAll(job.stream);
  assert.deepEqual(names(events), ["queued", "started", "token", "token", "token", "end"]);
  const last = events.at(-1)?.event;
  assert.equal(last?.event === "end" && last.data.seed, 7, "the seed is the job's");
});

Deno.test("a fenced attempt reports nothing more, whatever its worker does", async () => {
  const error = new LlorchError("INTERNAL", "no");
  const cases = [
    { workerEvents: [token(0), figures(1)], outcome: LOST },
    { workerEvents: [], outcome: { kind: "failed", error } },
    { workerEvents: [token(0), end(1)], outcome: { kind: "done" } },
  ] as const;
  for (const { workerEvents, outcome } of cases) {
    const { attempts, sent, failed, ended } = open();
    const job: LiveJob = await acceptedJob({
      runAttempt: async (options) => {
        await workerSending([started()])(options);
        job.fence(T0, "its worker is taken out of service");
        return await workerSending(workerEvents, outcome)(options);
      },
    });
    await attempts.run(job, dispatch());
    assert.deepEqual(sent, [{ kind: "heard", jobId: "j1", attempt: 1 }]);
    assert.equal(job.tokensOut, 0);
    assert.deepEqual(names(await readTo(job.stream, 2)), ["queued", "started"]);
    assert.deepEqual([failed, ended], [[], []]);
  }
});

Deno.test("an end is reported to the scheduler before it is written", () =>
  withStore(async (store) => {
    const { attempts, sent, ended } = open();
    const held = holdAppends(store);
    const endSent = Promise.withResolvers<void>();
    // Fills the write buffer, so that the worker must wait for the last event.
    const tokens = Array.from({ length: 255 }, (_, i) => token(i));
    const job = await acceptedJob({
      store: held,
      runAttempt: async (options) => {
        await workerSending([started(), ...tokens])(options);
        const written = options.onEvent(end(255));
        endSent.resolve();
        assert.ok(written);
        await written;
        return { kind: "done" };
      },
    });
    const run = attempts.run(job, dispatch());
    await endSent.promise;
    const outcome = { kind: "done" } as const;
    const last = {
      kind: "attempt_ended",
      jobId: "j1",
      attempt: 1,
      tokensOut: 255,
      outcome,
    } as const;
    assert.deepEqual(sent.at(-1), last);
    assert.deepEqual(ended, [{ id: "j1", hadLastEvent: true }]);
    assert.equal((await store.events("j1", 0, 1000)).length, 1, "nothing is written yet");
    held.release();
    await run;
    assert.equal(sent.filter(({ kind }) => kind === "attempt_ended").length, 1);
    const { status, usage, stopReason } = (await store.get("j1"))!;
    assert.deepEqual({ status, usage, stopReason }, {
      status: "completed",
      usage: { tokens_in: 1, tokens_cached: 0, tokens_out: 255 },
      stopReason: "EOS",
    });
  }));

Deno.test("a job that its worker refuses for good ends with that error, which is reported once", () =>
  withStore(async (store) => {
    const { attempts, sent, failed, ended, metrics, clock, config } = open();
    const details = { tokens: 9 };
    const error = new LlorchError("CONTEXT_LENGTH_EXCEEDED", "too long", { details });
    const job = await acceptedJob({
      store,
      runAttempt: workerSending([], { kind: "failed", error }),
    });
    await attempts.run(job, dispatch());
    const data = { code: error.code, message: "too long", retriable: false, details };
    assert.deepEqual(failed, [data]);
    assert.deepEqual(ended, [{ id: "j1", hadLastEvent: true }]);
    assert.deepEqual(errorOf(await readAll(job.stream)), data);
    assert.deepEqual(sent, [{
      kind: "attempt_ended",
      jobId: "j1",
      attempt: 1,
      tokensOut: 0,
      outcome: { kind: "failed" },
    }]);
    const row = (await store.get("j1"))!;
    assert.deepEqual([row.status, row.error], ["failed", data]);
    assert.equal(await valueOf(metrics.ended, "failed"), 1);
    const expires = clock.now() + config.retention.unread_ms;
    assert.equal((await store.expire(expires - 1, 0)).erased, 0);
    assert.equal((await store.expire(expires, 0)).erased, 1);
  }));

Deno.test("a cancelled job is not a failure; an unsafe one is counted, and as retriable as the scheduler says", async () => {
  const { attempts, failed, metrics } = open();
  const cancelled = await acceptedJob();
  attempts.fail(cancelled, { code: "CANCELLED", message: "The client went away" });
  assert.equal(errorOf(await readAll(cancelled.stream))?.code, "CANCELLED");
  assert.deepEqual(failed, []);
  assert.equal(await valueOf(metrics.ended, "cancelled"), 1);

  attempts.fail(await acceptedJob(), { code: "REQUEST_UNSAFE", message: "it ends workers" });
  attempts.fail(await acceptedJob(), { code: "WORKER_LOST", message: "x", retriable: false });
  assert.deepEqual(failed.map(({ code, retriable }) => [code, retriable]), [
    ["REQUEST_UNSAFE", false],
    ["WORKER_LOST", false],
  ]);
  assert.equal(await valueOf(metrics.ended, "failed"), 2);
  assert.equal(await valueOf(metrics.unsafe), 1);
});

Deno.test("an interrupted answer without token ids ends, and no other attempt is started", async () => {
  const { attempts, sent, failed } = open();
  const broken = await acceptedJob({ runAttempt: workerSending([started(), token(0, [])], LOST) });
  await attempts.run(broken, dispatch());
  const error = errorOf(await readAll(broken.stream));
  assert.deepEqual([error?.code, error?.retriable], ["WORKER_LOST", true]);

  const runAttempt = () => assert.fail("It was begun");
  const later = await acceptedJob({ runAttempt });
  later.takeToken(token(0, []).data, T0);
  await attempts.run(later, dispatch(2));
  assert.equal(errorOf(await readAll(later.stream))?.code, "WORKER_LOST");
  assert.deepEqual(later.attempts, []);
  assert.equal(failed.length, 2);
  const ends = sent.filter((input) => input.kind === "attempt_ended");
  assert.deepEqual(ends.map(({ attempt, outcome }) => [attempt, outcome.kind]), [
    [1, "failed"],
    [2, "failed"],
  ]);
});

Deno.test("an attempt's first token is reported to the scheduler, later ones with the worker's figures", async () => {
  const { attempts, scheduler, sent } = open();
  scheduler.at(0, submit("another", 0));
  const tokens = [token(0), token(1), token(2)];
  const job = await acceptedJob({
    runAttempt: workerSending([started(), figures(0), ...tokens, figures(3, { attempt: 9 })], LOST),
  });
  await attempts.run(job, dispatch());
  assert.deepEqual(
    sent.map((input) => [input.kind, "tokensOut" in input ? input.tokensOut : undefined]),
    [
      ["heard", undefined],
      ["heard", undefined],
      ["progress", 1],
      ["progress", 3],
      ["attempt_ended", 3],
    ],
  );
  for await (const items of job.stream.read(job.stream.lastId, new AbortController().signal)) {
    const [item] = items;
    assert.ok(item?.kind === "metrics");
    const { tokens_out, attempt, queue_depth } = item.data;
    assert.deepEqual({ tokens_out, attempt, queue_depth }, {
      tokens_out: 3,
      attempt: 1,
      queue_depth: 1,
    });
    break;
  }
});

Deno.test("times and tokens are measured: over all attempts, and between tokens of the same one", async () => {
  const { attempts, clock, metrics } = open();
  const answer = (at: readonly (readonly [ms: number, event: ReturnType<typeof token>])[]) =>
    inTurn(async (options) => {
      await options.onEvent(started());
      for (const [ms, event] of at) {
        clock.advance(T0 + ms - clock.now());
        await options.onEvent(event);
      }
      return LOST;
    });
  clock.advance(500);
  const job = await acceptedJob({
    runAttempt: inTurn(
      answer([[2_000, token(0)], [2_100, token(1, [2, 3])]]),
      answer([[9_000, token(2)], [9_300, token(3, [])]]),
    ),
  });
  await attempts.run(job, dispatch(1));
  clock.advance(1_000);
  await attempts.run(job, dispatch(2));
  assert.equal(await valueOf(metrics.queueWait), 0.5);
  assert.equal(await valueOf(metrics.ttft), 2);
  assert.equal(await valueOf(metrics.interToken), 0.1 + 0.3);
  assert.equal(await valueOf(metrics.tokens), 4, "further text of a token is no token");
});

Deno.test("of an engine that does not report ids, each event counts as a token", async () => {
  const { attempts, metrics } = open();
  const job = await acceptedJob({
    runAttempt: workerSending([started(), token(0, []), token(1, [])], LOST),
  });
  await attempts.run(job, dispatch());
  assert.equal(await valueOf(metrics.tokens), 2);
});

Deno.test("a key is charged for the tokens that were read and delivered, however the job ends", async () => {
  const charged: unknown[] = [];
  const { attempts, log, clock } = open({
    clock: new FakeClock(3 * DAY + 5),
    addTokens(charge) {
      charged.push(charge);
      return Promise.reject(new Error("the disk is full"));
    },
  });
  const answer = [
    started(),
    figures(0, { prompt_done: 10, prompt_total: 10 }),
    token(0, [1, 2, 3]),
  ];
  const completed = workerSending([...answer, end(2, { tokens_in: 20 })]);
  await attempts.run(await acceptedJob({ tenant: "k1", runAttempt: completed }), dispatch());
  assert.deepEqual(charged.splice(0), [{ keyId: "k1", day: 3, tokens: 23 }]);

  const error = new LlorchError("INVALID_REQUEST", "no");
  const refused = workerSending(answer, { kind: "failed", error });
  clock.advance(DAY);
  await attempts.run(await acceptedJob({ tenant: "k1", runAttempt: refused }), dispatch());
  assert.deepEqual(charged.splice(0), [{ keyId: "k1", day: 4, tokens: 13 }]);
  assert.equal(log.of("tokens_write_failed").length, 2);

  await attempts.run(await acceptedJob({ runAttempt: completed }), dispatch());
  attempts.fail(await acceptedJob({ tenant: "k1" }), { code: "CANCELLED", message: "x" });
  assert.deepEqual(charged, [], "jobs without a key or without tokens are not charged");
});

Deno.test("a job frees its slot once its write buffer is full and the database takes no writes", () =>
  withStore(async (store) => {
    const tokens = (ids?: readonly number[]) =>
      Array.from({ length: 256 }, (_, i) => token(i, ids));
    const cases = [
      { isWritable: false, workerEvents: [started(), ...tokens()], unwritten: 1 },
      { isWritable: false, workerEvents: tokens(), unwritten: 0 },
      { isWritable: true, workerEvents: [started(), ...tokens()], unwritten: 0 },
      { isWritable: false, workerEvents: [started(), ...tokens([])], unwritten: 0 },
    ];
    for (const [n, { isWritable, workerEvents, unwritten }] of cases.entries()) {
      const { attempts, scheduler, sent } = open();
      const id = `j${n}`;
      scheduler.at(0, pool([worker("w1", A)]), submit(id, 0), { kind: "storage", isWritable });
      const held = holdAppends(store);
      const taken = Promise.withResolvers<void>();
      const job = await acceptedJob({
        id,
        store: held,
        runAttempt: async ({ onEvent }) => {
          const waits = workerEvents.map((event) => onEvent(event));
          taken.resolve();
          await Promise.all(waits);
          return LOST;
        },
      });
      const run = attempts.run(job, dispatch());
      await taken.promise;
      assert.deepEqual(
        sent.filter(({ kind }) => kind === "unwritten"),
        Array(unwritten).fill({ kind: "unwritten", jobId: id, attempt: 1 }),
        `case ${n}`,
      );
      held.release();
      await run;
    }
  }));
