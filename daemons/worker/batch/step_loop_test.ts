import { setImmediate } from "node:timers";
import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import { createLogger } from "#shared/logging.ts";
import { EngineStuck } from "../engine/engine.ts";
import { FakeEngine, type FakeEngineOptions } from "../testing/fake_engine.ts";
import { outline, readEvents, textOf, until } from "../testing/generator.ts";
import { testRun, tokensOf } from "../testing/run.ts";
import type { Run, RunContext, RunSpec } from "./run.ts";
import { StateCache } from "./state_cache.ts";
import { StepLoop, type StepLoopOptions } from "./step_loop.ts";

/** A loop with a fake engine, and records of its runs. */
class Opened {
  readonly engine: FakeEngine;
  readonly loop: StepLoop;
  /** Runs that wait for a slot. */
  readonly queue: Run[] = [];
  /** Ids of the jobs that got a slot, in order. */
  readonly started: string[] = [];
  /** Errors that were logged. */
  readonly logged: unknown[] = [];
  /** Errors that broke the loop. */
  readonly fatal: unknown[] = [];
  readonly #held: (() => void)[] = [];
  /** Steps that were held. */
  readonly #steps: Promise<void>[] = [];

  constructor(engine: FakeEngineOptions, options: Partial<StepLoopOptions>) {
    this.engine = new FakeEngine({ next: () => 0x61, ...engine });
    this.loop = new StepLoop({
      sequences: this.engine.sequences,
      table: tableOf(this.queue),
      cache: new StateCache({
        ...{ mostBytes: 10_000, mostStates: 8, expireMs: 60_000 },
        onError: (error) => this.logged.push(error),
      }),
      prefillChunk: 8,
      prefillSlowdown: 1.4,
      batchSize: 32,
      onFatal: (error) => this.fatal.push(error),
      ...options,
    });
  }

  /** Puts a run into the queue for a slot. */
  add(jobId: string, spec: Partial<RunSpec> = {}, context: Partial<RunContext> = {}): Run {
    const run = testRun({ jobId, ...spec }, {
      engine: this.engine,
      log: {
        ...createLogger("test"),
        error: (_event, fields) => this.logged.push(fields?.["error"]),
      },
      wake: () => this.loop.wake(),
      observer: { started: () => this.started.push(jobId), token() {}, ended() {} },
      ...context,
    });
    this.queue.push(run);
    this.loop.wake();
    return run;
  }

  /** Holds the steps of a sequence until `letGo` is called. */
  hold(index: number): { begun: Promise<void>; letGo: () => void } {
    const sequence = this.engine.sequences[index]!;
    const prefill = sequence.prefill.bind(sequence);
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    sequence.prefill = async (tokens) => {
      begun.resolve();
      const step = held.promise.then(() => prefill(tokens));
      this.#steps.push(step);
      await step;
    };
    this.#held.push(held.resolve);
    return { begun: begun.promise, letGo: held.resolve };
  }

  async close(): Promise<void> {
    for (const letGo of this.#held) letGo();
    await this.loop.close();
    // A broken loop waits for no step.
    await Promise.all(this.#steps);
  }
}

/** A table of which the queue is what waits. */
function tableOf(queue: Run[]): StepLoopOptions["table"] {
  return {
    get next() {
      return queue[0];
    },
    takeNext: () => queue.shift(),
    get waiting() {
      return queue.length;
    },
  };
}

async function using(
  engine: FakeEngineOptions,
  work: (opened: Opened) => Promise<void>,
  options: Partial<StepLoopOptions> = {},
): Promise<void> {
  const opened = new Opened(engine, options);
  try {
    await work(opened);
  } finally {
    await opened.close();
  }
}

/** The kinds of a run's events, without their figures. */
const outlineOf = async (run: Run) => outline(await readEvents(run.answer.stream.body));
const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

/** Options of an engine that throws, for prompts that start with `!`, after the first token. */
const breaking = (error: Error): FakeEngineOptions => ({
  slots: 2,
  next: ([first]) => {
    if (first === 0x21) throw error;
    return 0x61;
  },
});
const BAD = { prompt: tokensOf("!bc") };

Deno.test("slots are given first come first served, and no run is taken without one", () =>
  using({ slots: 2 }, async (opened) => {
    const { loop, queue } = opened;
    assert.deepEqual([loop.active, loop.free], [0, 2]);
    const first = opened.hold(0);
    const runs = ["a", "b", "c", "d"].map((jobId) => opened.add(jobId, { maxTokens: 1 }));
    await first.begun;
    assert.deepEqual([loop.active, loop.free], [2, 0]);
    assert.deepEqual(queue, runs.slice(2));
    first.letGo();
    await Promise.all(runs.map(outlineOf));
    assert.deepEqual(opened.started, ["a", "b", "c", "d"]);
  }));

Deno.test("runs that come in consecutive turns of the event loop begin together", () =>
  using({ slots: 3 }, async (opened) => {
    await opened.loop.withSlot(0, () => Promise.resolve());
    // What the loop does after that takes no turn: now it is idle.
    await new Promise((resolve) => setImmediate(resolve));
    const first = opened.hold(0);
    opened.add("a");
    setImmediate(() => {
      opened.add("b");
      setImmediate(() => opened.add("c"));
    });
    await first.begun;
    assert.equal(opened.loop.active, 3);
  }));

Deno.test("a run gets the free slot that shares its longest prefix, and the first run chooses first", () =>
  using({ slots: 3 }, async (opened) => {
    const { sequences, steps } = opened.engine;
    ["abX", "abcX", "X"].forEach((text, index) => sequences[index]!.tokens = tokensOf(text));
    const prompt = tokensOf("abcd");
    const runs = ["a", "b"].map((jobId) => opened.add(jobId, { prompt, maxTokens: 1 }));
    const cached = await Promise.all(runs.map(async ({ answer }) => {
      const end = (await readEvents(answer.stream.body)).at(-1);
      return end?.event === "end" ? end.data.tokens_cached : undefined;
    }));
    assert.deepEqual(cached, [3, 2]);
    assert.deepEqual(steps.toSorted(), [[0, 2], [1, 1]]);
    assert.deepEqual(sequences[2]!.tokens, tokensOf("X"));
  }));

/** Reading takes longer than copying. */
const SLOW: FakeEngineOptions = { stepMs: 20 };
/** A long text, and how many tokens of a run's prompt were found. */
const long = (letter: string) => letter.repeat(100);
const cachedOf = async (run: Run) => {
  const end = (await readEvents(run.answer.stream.body)).at(-1);
  return end?.event === "end" ? end.data.tokens_cached : undefined;
};

Deno.test("what a slot held is kept when another run takes it, and a later run goes on from it", () =>
  using(SLOW, async (opened) => {
    const ask = (text: string) =>
      cachedOf(opened.add(text.slice(0, 1), { prompt: tokensOf(text), maxTokens: 2 }));
    assert.equal(await ask(long("a")), 0);
    assert.equal(await ask(long("b")), 0);
    assert.equal(await ask(long("a") + "?"), 100);
    assert.equal(await ask(long("b") + "?"), 100);
    assert.equal(opened.engine.copies.length, 3);
  }));

Deno.test("of runs that come together with one prompt one reads it, and the others go on from there", () =>
  using({ ...SLOW, slots: 4 }, async (opened) => {
    const prompt = tokensOf(long("a"));
    const runs = ["a", "b", "c", "d"].map((id) => opened.add(id, { prompt, maxTokens: 2 }));
    assert.deepEqual((await Promise.all(runs.map(cachedOf))).sort(), [0, 99, 99, 99]);
    const read = opened.engine.steps.filter(([, count]) => count > 1);
    assert.deepEqual(new Set(read.map(([index]) => index)), new Set([0]));
    assert.equal(opened.engine.copies.length, 1);
  }));

Deno.test("a run does not wait for one that has ended: another one reads for all", () =>
  using({ slots: 3 }, async (opened) => {
    const prompt = tokensOf(long("a"));
    const first = opened.hold(0);
    const runs = ["a", "b", "c"].map((id) => opened.add(id, { prompt, maxTokens: 2 }));
    await first.begun;
    runs[0]!.answer.fail(new LlorchError("CANCELLED", "It was cancelled"));
    first.letGo();
    assert.equal(await cachedOf(runs[0]!), undefined);
    const cached = await Promise.all(runs.slice(1).map(cachedOf));
    // What the first one has read until then is used.
    assert.equal(Math.max(...cached.map(Number)), 99);
    assert.ok(Math.min(...cached.map(Number)) <= 99);
  }));

Deno.test("a run goes on from what a running one has, while that goes on", () =>
  using({ stepMs: 5, slots: 2 }, async (opened) => {
    const running = opened.add("a", { prompt: tokensOf(long("a")), maxTokens: 400 });
    await until(() => opened.engine.steps.length > 20);
    const next = opened.add("b", { prompt: tokensOf(long("a") + "?"), maxTokens: 2 });
    assert.ok(await cachedOf(next)! as number >= 100);
    assert.equal(textOf(await readEvents(running.answer.stream.body)).length, 400);
  }));

Deno.test("a run whose reader is behind is not stepped until the reader takes something", () =>
  using({ slots: 2 }, async (opened) => {
    const ofSlow = () => opened.engine.steps.filter(([index]) => index === 0).length;
    // The buffer has room for the start, the metrics and the first token.
    const slow = opened.add("slow", { maxTokens: 5 }, { streamBuffer: 3 });
    const quick = opened.add("quick", { maxTokens: 20 });
    assert.equal(textOf(await readEvents(quick.answer.stream.body)).length, 20);
    assert.equal(ofSlow(), 1);
    assert.equal(textOf(await readEvents(slow.answer.stream.body)).length, 5);
    assert.equal(ofSlow(), 5);
  }));

Deno.test("a step that throws ends its own run, and its slot is emptied once all steps are done", () => {
  const error = new Error("The engine is out of memory");
  return using(breaking(error), async (opened) => {
    const [broken, sound] = opened.engine.sequences;
    const other = opened.hold(1);
    const [bad, good] = [opened.add("bad", BAD), opened.add("good", { maxTokens: 3 })];
    assert.deepEqual(await outlineOf(bad), ["started", "error INTERNAL"]);
    assert.deepEqual(opened.logged, [error]);
    // Other steps still run: the engine must not be touched.
    await other.begun;
    assert.equal(broken!.tokens.length, 3);
    other.letGo();
    assert.equal((await outlineOf(good)).at(-1), "end MAX_TOKENS");
    assert.deepEqual([broken!.tokens.length, sound!.tokens.length], [0, 5]);
    assert.equal((await outlineOf(opened.add("next", { maxTokens: 1 }))).at(-1), "end MAX_TOKENS");
  });
});

Deno.test("an error for the client reaches it and is not logged", () =>
  using(breaking(new LlorchError("INVALID_REQUEST", "It cannot be")), async (opened) => {
    assert.deepEqual(await outlineOf(opened.add("bad", BAD)), ["started", "error INVALID_REQUEST"]);
    assert.deepEqual(opened.logged, []);
  }));

Deno.test("a run that cannot start ends alone, and its slot goes to the next", () =>
  using({}, async (opened) => {
    const sampling = {
      forbid() {},
      dispose() {},
      see() {},
      replay() {
        throw new LlorchError("INVALID_REQUEST", "The grammar does not allow it");
      },
    };
    const bad = opened.add("bad", { resume: [0x61], sampling });
    const good = opened.add("good", { maxTokens: 1 });
    assert.deepEqual(await outlineOf(bad), ["started", "error INVALID_REQUEST"]);
    assert.equal((await outlineOf(good)).at(-1), "end MAX_TOKENS");
  }));

Deno.test("an engine that is stuck breaks the loop, though other steps never end", () => {
  const stuck = new EngineStuck("The grammar takes too long");
  return using(breaking(stuck), async (opened) => {
    const other = opened.hold(1);
    const [bad, good] = [opened.add("bad", BAD), opened.add("good")];
    assert.deepEqual(await outlineOf(bad), ["started", "error INVALID_REQUEST"]);
    await other.begun;
    await until(() => opened.fatal.length > 0);
    assert.deepEqual([good.ended, opened.logged], [false, []]);
    const nothing = () => Promise.resolve();
    await assert.rejects(opened.loop.withSlot(0, nothing), codeIs("NOT_READY"));
    // Nothing waits for the step that never ends.
    await opened.loop.close();
    assert.equal(opened.engine.sequences[1]!.tokens.length, 0);
    assert.deepEqual(opened.fatal, [stuck]);
  });
});

Deno.test("runs that wait for a slot are refused when the loop breaks", () => {
  const stuck = new EngineStuck("The grammar takes too long");
  return using(breaking(stuck), async (opened) => {
    const other = opened.hold(1);
    opened.add("bad", BAD);
    opened.add("good");
    await other.begun;
    const waiting = opened.loop.withSlot(0, () => Promise.resolve());
    await assert.rejects(waiting, codeIs("NOT_READY"));
  });
});

Deno.test("any other error that breaks the loop is reported too", () => {
  const error = new Error("It broke");
  const table: StepLoopOptions["table"] = {
    get next(): never {
      throw error;
    },
    takeNext: () => undefined,
    waiting: 0,
  };
  return using({}, async ({ fatal }) => {
    await until(() => fatal.length > 0);
    assert.deepEqual(fatal, [error]);
  }, { table });
});

Deno.test("withSlot() waits for the running step, and the next step waits for it", () =>
  using({ slots: 2 }, async (opened) => {
    const { loop, engine } = opened;
    const order: string[] = [];
    const step = opened.hold(0);
    opened.add("a");
    await step.begun;
    const done = loop.withSlot(1, async (slot) => {
      order.push("work");
      const before = engine.steps.length;
      // Without the hold, several steps would run in these turns of the event loop.
      for (let turns = 0; turns < 5; turns++) await delay(0);
      return { slot, steps: engine.steps.length - before };
    });
    await delay(0);
    order.push("step ends");
    step.letGo();
    const { slot, steps } = await done;
    assert.deepEqual(order, ["step ends", "work"]);
    assert.deepEqual([slot.sequence, steps], [engine.sequences[1], 0]);
  }));

Deno.test("withSlot() rethrows errors of its work, refuses an unknown slot, and steps continue", () =>
  using({}, async (opened) => {
    const error = new Error("The disk is full");
    await assert.rejects(opened.loop.withSlot(0, () => Promise.reject(error)), error);
    await assert.rejects(opened.loop.withSlot(1, () => Promise.resolve()), codeIs("NOT_FOUND"));
    assert.equal((await outlineOf(opened.add("a", { maxTokens: 1 }))).at(-1), "end MAX_TOKENS");
  }));

Deno.test("close() waits for the running step and the work queued after it, and then accepts nothing", () =>
  using({}, async (opened) => {
    const { loop, engine } = opened;
    const order: string[] = [];
    const step = opened.hold(0);
    const run = opened.add("a");
    await step.begun;
    const work = loop.withSlot(0, () => Promise.resolve(order.push("work")));
    const closed = loop.close().then(() => order.push("closed"));
    await assert.rejects(loop.withSlot(0, () => Promise.resolve()), codeIs("NOT_READY"));
    order.push("step ends");
    step.letGo();
    await Promise.all([work, closed]);
    assert.deepEqual(order, ["step ends", "work", "closed"]);
    assert.deepEqual([engine.steps.length, run.ended], [1, false]);
  }));

Deno.test("a prompt is scored a few tokens at a time while others generate, and more when alone", async () => {
  const opened = new Opened({ slots: 2, next: () => 0x61 }, { prefillChunk: undefined });
  const { engine } = opened;
  const prompt = Array.from({ length: 101 }, (_, index) => index);
  const alone = opened.add("alone", { prompt, promptLogprobs: 0, maxTokens: 1 });
  const end = (await readEvents(alone.answer.stream.body)).at(-1);
  assert.ok(end?.event === "end");
  // 100 tokens, of which each tells of the next, and one that generates.
  assert.deepEqual(engine.steps.map(([, count]) => count), [32, 32, 32, 4, 1]);
  assert.deepEqual(end.data.prompt_logprobs?.map(({ logprob }) => logprob), [
    undefined,
    ...Array.from({ length: 100 }, (_, index) => -(index + 1)),
  ]);
  engine.steps.length = 0;
  const busy = opened.add("busy", { prompt: tokensOf("x"), maxTokens: 200 });
  const reading = readEvents(busy.answer.stream.body);
  await until(() => busy.answer.hasTokens);
  const beside = opened.add("beside", { prompt, promptLogprobs: 0, maxTokens: 1 });
  await readEvents(beside.answer.stream.body);
  const most = Math.max(...engine.steps.map(([, count]) => count));
  assert.equal(most, 4);
  busy.answer.leave();
  await reading;
  await opened.loop.close();
});
