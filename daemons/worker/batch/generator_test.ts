import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import { EngineStuck } from "../engine/engine.ts";
import { FAKE_END, FakeEngine, type FakeEngineOptions } from "../testing/fake_engine.ts";
import {
  idsOf,
  openGenerator,
  outline,
  readEvents,
  request,
  textOf,
  until,
} from "../testing/generator.ts";

type Opened = ReturnType<typeof openGenerator> & { engine: FakeEngine };

/** Options of an engine that generates `text` after any prompt of three bytes, then ends. */
const replying = (text: string): FakeEngineOptions => {
  const bytes = [...new TextEncoder().encode(text), FAKE_END];
  return { next: (tokens) => bytes[tokens.length - 3] ?? FAKE_END };
};
const endless: FakeEngineOptions = { next: () => 0x61, stepMs: 1 };

async function using(
  engineOptions: FakeEngineOptions,
  work: (opened: Opened) => Promise<void>,
  options: Parameters<typeof openGenerator>[1] = {},
): Promise<void> {
  const engine = new FakeEngine(engineOptions);
  const opened = openGenerator(engine, options);
  try {
    await work({ ...opened, engine });
    assert.deepEqual(opened.fatal, []);
  } finally {
    await opened.generator.drain(0);
    await opened.generator.close();
  }
}

const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

Deno.test("a run starts, sends its tokens and ends once", () =>
  using(replying("hi"), async ({ generator, outcomes }) => {
    const run = await generator.execute(request({ seed: 7 }));
    const events = await readEvents(run.stream.body);
    assert.deepEqual(outline(events), ["started", "token", "token", "end EOS"]);
    assert.equal(textOf(events), "hi");
    const end = events.at(-1);
    assert.ok(end?.event === "end");
    const { tokens_in, tokens_out, seed } = end.data;
    assert.deepEqual({ tokens_in, tokens_out, seed }, { tokens_in: 3, tokens_out: 2, seed: 7 });
    assert.deepEqual(outcomes, ["completed"]);
  }));

Deno.test("the first token is sent while the generation continues", () =>
  using(endless, async ({ generator }) => {
    const run = await generator.execute(request());
    const reader = run.stream.body.getReader();
    let text = "";
    while (!text.includes("event: token")) {
      text += new TextDecoder().decode((await reader.read()).value);
    }
    assert.equal(run.ended, false);
    await reader.cancel();
  }));

Deno.test("a run without a limit ends when the context is full", () =>
  using({ ...endless, context: 10, stepMs: 0 }, async ({ generator, engine }) => {
    const run = await generator.execute(request());
    const events = await readEvents(run.stream.body);
    assert.equal(outline(events).at(-1), "end MAX_TOKENS");
    assert.equal(textOf(events).length, 7);
    assert.equal(engine.sequences[0]!.tokens.length, 9);
  }));

Deno.test("max_tokens never cuts a character in two: its first half is not sent", () =>
  using(replying("aé"), async ({ generator }) => {
    const run = await generator.execute(request({ max_tokens: 2 }));
    const events = await readEvents(run.stream.body);
    assert.equal(textOf(events), "a");
    assert.deepEqual(outline(events).slice(-1), ["end MAX_TOKENS"]);
    const [end] = events.slice(-1);
    assert.ok(end?.event === "end" && end.data.tokens_out === 2);
  }));

Deno.test("a stop string ends the run and is not shown", () =>
  using(replying("one two three"), async ({ generator }) => {
    const run = await generator.execute(request({ stop: ["two", "three"] }));
    const events = await readEvents(run.stream.body);
    assert.equal(outline(events).at(-1), "end STOP_SEQUENCE");
    assert.equal(textOf(events), "one ");
  }));

Deno.test("a resumed run continues at the next index as if never interrupted, after every event", () =>
  using(replying("one é two"), async ({ generator }) => {
    const whole = await readEvents((await generator.execute(request())).stream.body);
    const tokens = whole.filter((event) => event.event === "token");
    for (let at = 0; at <= tokens.length; at++) {
      const run = await generator.execute(request({
        resume_tokens: idsOf(tokens.slice(0, at)),
        resume_index: at,
      }));
      const rest = await readEvents(run.stream.body);
      const resumedTokens = rest.filter((event) => event.event === "token");
      assert.deepEqual(resumedTokens, tokens.slice(at));
      const end = rest.at(-1);
      assert.ok(end?.event === "end" && end.data.tokens_out === 10);
    }
  }));

Deno.test("a run with tools that is resumed in the middle of a call makes the call once", () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const messages = [{ role: "user", content: "abc" }];
  const text = 'ok <tool_call>{"name":"f","arguments":{"a":1}}</tool_call>';
  return using(replying(text), async ({ generator }) => {
    const run = await generator.execute(request({ job_id: "j", messages, tools }));
    const tokens = (await readEvents(run.stream.body)).flatMap((event) =>
      event.event === "token" ? [event.data] : []
    );
    for (let done = 0; done <= tokens.length; done++) {
      const resumed = await generator.execute(request({
        ...{ job_id: "j", attempt: done + 2, messages, tools },
        resume_tokens: tokens.slice(0, done).flatMap(({ ids }) => ids),
        resume_index: done,
      }));
      const rest = await readEvents(resumed.stream.body);
      assert.deepEqual(
        rest.flatMap((event) => event.event === "token" ? [event.data] : []),
        tokens.slice(done),
      );
      const end = rest.at(-1);
      assert.ok(end?.event === "end");
      assert.deepEqual(end.data.tool_calls?.map((call) => call.function), [
        { name: "f", arguments: '{"a":1}' },
      ]);
    }
  });
});

Deno.test("an answer is checked whole, also if earlier attempts delivered a part of it", () => {
  const json_schema = { type: "array", uniqueItems: true };
  const messages = [{ role: "user", content: "abc" }];
  return using(replying("[1, 1]"), async ({ generator }) => {
    const validated = async (fields: Record<string, unknown>) => {
      const run = await generator.execute(request({ messages, ...fields }));
      const events = await readEvents(run.stream.body);
      const end = events.at(-1);
      assert.ok(end?.event === "end");
      return { validated: end.data.validated, events };
    };
    const whole = await validated({ json_schema });
    assert.equal(whole.validated, false);
    const ids = idsOf(whole.events).slice(0, -3);
    const tokens = whole.events.filter(({ event }) => event === "token");
    assert.equal(
      (await validated({
        ...{ json_schema, resume_tokens: ids, attempt: 2 },
        resume_index: tokens.length - 3,
      })).validated,
      false,
    );
    assert.equal((await validated({ json_schema: { items: true } })).validated, true);
    assert.equal((await validated({})).validated, undefined);
  });
});

Deno.test("resumed tokens count in max_tokens, and a run that has nothing left ends at once", () =>
  using(replying("abcdef"), async ({ generator }) => {
    const ids = [0x61, 0x62];
    const two = await generator.execute(
      request({ max_tokens: 3, resume_tokens: ids, resume_index: 2 }),
    );
    assert.equal(textOf(await readEvents(two.stream.body)), "c");
    const none = await generator.execute(request({ max_tokens: 2, resume_tokens: ids }));
    assert.deepEqual(outline(await readEvents(none.stream.body)), ["started", "end MAX_TOKENS"]);
    const stopped = await generator.execute(request({ stop: ["b"], resume_tokens: ids }));
    assert.deepEqual(outline(await readEvents(stopped.stream.body)), [
      "started",
      "end STOP_SEQUENCE",
    ]);
  }));

Deno.test("all slots advance in the same turn", () =>
  using({ ...endless, slots: 3 }, async ({ generator, engine }) => {
    const runs = await Promise.all(
      [1, 2, 3].map(() => generator.execute(request({ max_tokens: 5 }))),
    );
    await Promise.all(runs.map((run) => readEvents(run.stream.body)));
    const turns = engine.steps.map(([sequence]) => sequence).join("").match(/.{3}/g);
    assert.deepEqual(turns?.map((turn) => [...turn].sort().join("")), Array(5).fill("012"));
  }));

Deno.test("a long prompt is evaluated in chunks beside a run that generates", () =>
  using({ ...endless, slots: 2 }, async ({ generator, engine }) => {
    const first = await generator.execute(request());
    await until(() => engine.steps.length > 1);
    engine.steps.length = 0;
    const second = await generator.execute(request({ prompt: "x".repeat(40), max_tokens: 1 }));
    await readEvents(second.stream.body);
    const chunks = engine.steps.filter(([, tokens]) => tokens > 1).map(([, tokens]) => tokens);
    assert.deepEqual(chunks, [8, 8, 8, 8, 8]);
    assert.ok(engine.steps.filter(([, tokens]) => tokens === 1).length >= 4);
    first.leave();
  }));

Deno.test("a prompt that a slot already has is not evaluated again, except for its last token", () =>
  using({ ...endless, slots: 2 }, async ({ generator, engine }) => {
    const prompt = "the same beginning";
    await readEvents((await generator.execute(request({ prompt, max_tokens: 1 }))).stream.body);
    engine.steps.length = 0;
    const events = await readEvents(
      (await generator.execute(request({ prompt, max_tokens: 1 }))).stream.body,
    );
    assert.deepEqual(engine.steps, [[0, 1]]);
    const end = events.at(-1);
    assert.ok(end?.event === "end" && end.data.tokens_cached === 17);
  }));

Deno.test("more runs than slots wait in order; more than the queue takes are refused", () =>
  using({ ...endless, stepMs: 0 }, async ({ generator, outcomes }) => {
    const order: number[] = [];
    const runs = [];
    for (let k = 0; k < 5; k++) {
      const run = await generator.execute(request({ max_tokens: 3 }));
      runs.push(readEvents(run.stream.body).then(() => order.push(k)));
    }
    await assert.rejects(generator.execute(request()), codeIs("QUEUE_FULL"));
    await Promise.all(runs);
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    assert.equal(outcomes.length, 5);
  }));

Deno.test("a cancelled run ends with CANCELLED and frees its slot after the running step", () =>
  using({ ...endless, stepMs: 20 }, async ({ generator, engine }) => {
    const run = await generator.execute(request({ job_id: "j" }));
    const events = readEvents(run.stream.body);
    await until(() => engine.steps.length > 1);
    assert.equal(generator.active, 1);
    generator.cancel({ jobId: "j", epoch: 0, attempt: 1 });
    generator.cancel({ jobId: "j", epoch: 0, attempt: 1 });
    assert.equal(outline(await events).at(-1), "error CANCELLED");
    await until(() => generator.active === 0);
  }));

Deno.test("a client that leaves cancels, in the queue and in prefill too", () =>
  using({ ...endless, stepMs: 5 }, async ({ generator, engine, outcomes }) => {
    const filling = await generator.execute(request({ prompt: "x".repeat(400) }));
    const waiting = await generator.execute(request());
    await until(() => engine.steps.length > 0);
    await waiting.stream.body.cancel();
    assert.equal(generator.waiting, 0);
    await filling.stream.body.cancel();
    await until(() => generator.active === 0);
    assert.ok(engine.sequences[0]!.tokens.length < 400);
    assert.deepEqual(outcomes, ["cancelled", "cancelled"]);
  }));

Deno.test("a higher attempt replaces a lower one; a lower one is refused; an old cancel does nothing", () =>
  using({ ...endless, slots: 2 }, async ({ generator }) => {
    const first = await generator.execute(request({ job_id: "j", attempt: 2 }));
    const firstEvents = readEvents(first.stream.body);
    await assert.rejects(
      generator.execute(request({ job_id: "j", attempt: 1 })),
      codeIs("CONFLICT"),
    );
    const second = await generator.execute(request({ job_id: "j", attempt: 3, max_tokens: 20 }));
    generator.cancel({ jobId: "j", epoch: 0, attempt: 2 });
    assert.equal(outline(await firstEvents).at(-1), "error CANCELLED");
    assert.equal(outline(await readEvents(second.stream.body)).at(-1), "end MAX_TOKENS");
  }));

Deno.test("a reader that does not read stalls only its own slot, and is finally cut off", () =>
  using({ ...endless, stepMs: 0, slots: 2 }, async ({ generator, engine, outcomes }) => {
    const slow = await generator.execute(request());
    await until(() => slow.stream.full);
    const stalledAt = engine.sequences[0]!.tokens.length;
    const quick = await generator.execute(request({ max_tokens: 20 }));
    assert.equal(textOf(await readEvents(quick.stream.body)).length, 20);
    // A step that was running when the buffer became full may have ended since.
    const { length } = engine.sequences[0]!.tokens;
    assert.ok(length <= stalledAt + 1, `${length} tokens instead of ${stalledAt}`);
    await until(() => generator.active === 0);
    assert.deepEqual(outcomes, ["completed", "failed"]);
    const events = await readEvents(slow.stream.body);
    assert.equal(outline(events).at(-1), "error TIMEOUT");
    // The slow reader is cut off only once the quick one is through.
  }, { streamBuffer: 8, slowReaderMs: 5_000, metricsIntervalMs: 5 }));

Deno.test("a reader that reads again lets its slot continue", () =>
  using({ ...endless, stepMs: 0 }, async ({ generator }) => {
    const run = await generator.execute(request({ max_tokens: 50 }));
    for (let tries = 0; !run.stream.full; tries++) {
      assert.ok(tries < 1000, "the buffer never fills");
      await delay(5);
    }
    assert.equal(textOf(await readEvents(run.stream.body)).length, 50);
  }, { streamBuffer: 8 }));

Deno.test("metrics are sent while a run waits, in prefill and while it generates", () =>
  using({ ...endless, stepMs: 4 }, async ({ generator }) => {
    const first = await generator.execute(request({ prompt: "x".repeat(320), max_tokens: 10 }));
    const second = await generator.execute(request({ max_tokens: 1 }));
    const [one, two] = await Promise.all(
      [first, second].map((run) => readEvents(run.stream.body)),
    );
    const metrics = one!.flatMap((event) => event.event === "metrics" ? [event.data] : []);
    const prefill = metrics.find((data) => data.prompt_done !== undefined);
    assert.equal(prefill?.prompt_total, 320);
    assert.ok(metrics.some((data) => data.prompt_done === undefined && data.tokens_out > 0));
    assert.equal(two![0]!.event, "metrics");
  }, { metricsIntervalMs: 5 }));

Deno.test("a run reports its prompt progress before its first token, however short the prompt is", () =>
  using({ ...endless }, async ({ generator }) => {
    const run = await generator.execute(request({ prompt: "xyz", max_tokens: 2 }));
    const events = await readEvents(run.stream.body);
    const first = events.findIndex(({ event }) => event === "token");
    const before = events[first - 1];
    assert.equal(before?.event, "metrics");
    const { prompt_done, prompt_total, tokens_out } = before.data;
    assert.deepEqual([prompt_done, prompt_total, tokens_out], [3, 3, 0]);
  }));

Deno.test("a step that fails ends its own run only", () =>
  using({
    slots: 2,
    next: (tokens) => {
      if (tokens[0] === 0x21 && tokens.length > 5) throw new Error("the engine is out of memory");
      return 0x61;
    },
  }, async ({ generator }) => {
    const bad = await generator.execute(request({ prompt: "!bc" }));
    const good = await generator.execute(request({ max_tokens: 20 }));
    const [failed, fine] = await Promise.all(
      [bad, good].map((run) => readEvents(run.stream.body)),
    );
    assert.equal(outline(failed!).at(-1), "error INTERNAL");
    assert.equal(outline(fine!).at(-1), "end MAX_TOKENS");
    const again = await generator.execute(request({ max_tokens: 2 }));
    assert.equal(outline(await readEvents(again.stream.body)).at(-1), "end MAX_TOKENS");
  }));

/** How runs end, on an engine with one slot. */
const ENDS: Readonly<Record<string, { engine: FakeEngineOptions; work: Way }>> = {
  "by the model": {
    engine: replying("hi"),
    work: async (generator) => void await finished(generator, {}),
  },
  "by max_tokens": {
    engine: endless,
    work: async (generator) => void await finished(generator, { max_tokens: 2 }),
  },
  "by a stop string": {
    engine: replying("one two"),
    work: async (generator) => void await finished(generator, { stop: ["two"] }),
  },
  "before its first token": {
    engine: endless,
    work: async (generator) =>
      void await finished(generator, { max_tokens: 1, resume_tokens: [0x61], resume_index: 1 }),
  },
  "by a step that fails": {
    engine: {
      next() {
        throw new Error("the engine is out of memory");
      },
    },
    work: async (generator) => void await finished(generator, {}),
  },
  "cancelled, one that runs and one that waits": {
    engine: endless,
    async work(generator, engine) {
      const runs = [];
      for (const job_id of ["a", "b"]) runs.push(await generator.execute(request({ job_id })));
      await until(() => engine.steps.length > 1);
      for (const job_id of ["b", "a"]) {
        generator.cancel({ jobId: job_id, epoch: 0, attempt: 1 });
        generator.cancel({ jobId: job_id, epoch: 0, attempt: 1 });
      }
      for (const run of runs) await readEvents(run.stream.body);
    },
  },
  "because its reader leaves": {
    engine: endless,
    async work(generator, engine) {
      const run = await generator.execute(request());
      await until(() => engine.steps.length > 1);
      await run.stream.body.cancel();
    },
  },
  "replaced by a higher attempt": {
    engine: endless,
    async work(generator) {
      const first = await generator.execute(request({ job_id: "j" }));
      await finished(generator, { job_id: "j", attempt: 2, max_tokens: 1 });
      await readEvents(first.stream.body);
    },
  },
  "in a queue that is full before it comes": {
    engine: endless,
    async work(generator) {
      const all = await Promise.allSettled(
        Array.from({ length: 6 }, () => finished(generator, { max_tokens: 1 })),
      );
      assert.equal(all.filter(({ status }) => status === "rejected").length, 1);
    },
  },
  "by a stop of the worker": {
    engine: endless,
    async work(generator) {
      const run = await generator.execute(request());
      await generator.drain(0);
      await readEvents(run.stream.body);
    },
  },
  "with its engine": {
    engine: {
      next() {
        throw new EngineStuck("The grammar takes too long");
      },
    },
    work: async (generator) => void await finished(generator, {}),
  },
};

type Way = (generator: Opened["generator"], engine: FakeEngine) => Promise<void>;

async function finished(generator: Opened["generator"], fields: Record<string, unknown>) {
  return await readEvents((await generator.execute(request(fields))).stream.body);
}

for (const [way, { engine: options, work }] of Object.entries(ENDS)) {
  Deno.test(`the sampling of a run that ends ${way} is freed once`, async () => {
    const engine = new FakeEngine(options);
    const { generator } = openGenerator(engine);
    try {
      await work(generator, engine);
    } finally {
      await generator.drain(0);
      await generator.close();
    }
    assert.ok(engine.samplings.length > 0);
    assert.deepEqual(engine.samplings.filter(({ disposals }) => disposals !== 1), []);
  });
}

Deno.test("a prompt that leaves no room is refused with its figures", () =>
  using({ context: 8 }, async ({ generator }) => {
    await assert.rejects(
      generator.execute(request({ prompt: "x".repeat(8) })),
      (error: unknown) =>
        error instanceof LlorchError && error.code === "CONTEXT_LENGTH_EXCEEDED" &&
        error.details?.["prompt_tokens"] === 8 && error.details["context"] === 8,
    );
  }));

Deno.test("a text that is far too long is refused after a piece of it, whole characters or not", () =>
  using({ context: 1000 }, async ({ generator, engine }) => {
    const messages = [{ role: "user", content: "é".repeat(1_000_000) }];
    for (const fields of [{ prompt: "x".repeat(1_000_000) }, { messages }]) {
      await assert.rejects(
        generator.execute(request(fields)),
        (error: LlorchError) =>
          error.code === "CONTEXT_LENGTH_EXCEEDED" && error.details?.["at_least"] === true &&
          /a prompt of at least \d+ tokens/.test(error.message),
      );
    }
    assert.ok(engine.read < 20_000, `${engine.read} tokens were read`);
  }));

Deno.test("ids outside the vocabulary are refused, each with its field", () =>
  using({}, async ({ generator }) => {
    const wrong = request({
      prompt_tokens: [1, 999],
      resume_tokens: [300],
      logit_bias: { "257": 1 },
    });
    await assert.rejects(generator.execute(wrong), (error: unknown) => {
      assert.ok(error instanceof LlorchError);
      const fields = (error.details?.["errors"] as { field: string }[]).map(({ field }) => field);
      assert.deepEqual(fields, ["prompt_tokens.1", "resume_tokens.0", "logit_bias.257"]);
      return true;
    });
  }));

Deno.test("drain() lets runs end, and cuts off those that take too long so that they can continue elsewhere", () =>
  using(endless, async ({ generator }) => {
    const run = await generator.execute(request());
    const events = readEvents(run.stream.body);
    await generator.drain(30);
    const last = (await events).at(-1);
    assert.ok(last?.event === "error" && last.data.code === "WORKER_LOST" && last.data.retriable);
  }));

Deno.test("a run that keeps the engine busy for good ends it, and the others can go on elsewhere", async () => {
  const stuck = new EngineStuck("The grammar takes too long");
  const engine = new FakeEngine({
    slots: 2,
    next(tokens) {
      if (tokens.length > 10 && tokens[0] === 0x7a) throw stuck;
      return 0x61;
    },
  });
  const { generator, fatal } = openGenerator(engine);
  const [guilty, other] = await Promise.all([
    generator.execute(request({ prompt: "zzz" })),
    generator.execute(request()),
  ]);
  const [wrong, cut] = await Promise.all(
    [guilty, other].map(async ({ stream }) => (await readEvents(stream.body)).at(-1)),
  );
  assert.ok(wrong?.event === "error" && cut?.event === "error");
  assert.deepEqual([wrong.data.code, wrong.data.retriable], ["INVALID_REQUEST", false]);
  assert.deepEqual([cut.data.code, cut.data.retriable], ["WORKER_LOST", true]);
  assert.deepEqual(fatal, [stuck]);
  await generator.close();
});

Deno.test("a prompt's logprobs are the same from a worker that goes on with the answer", async () => {
  const engine = new FakeEngine({ next: () => 0x61 });
  const { generator } = openGenerator(engine);
  const fields = { prompt: "abcd", prompt_logprobs: 1, max_tokens: 4 };
  const ends = [];
  for (const resume_tokens of [[], [0x61, 0x61]]) {
    const answer = await generator.execute(
      request({ ...fields, resume_tokens, resume_index: resume_tokens.length }),
    );
    const end = (await readEvents(answer.stream.body)).at(-1);
    assert.ok(end?.event === "end");
    ends.push(end.data);
  }
  const [first, second] = ends;
  assert.equal(first?.prompt_logprobs?.length, 4);
  assert.deepEqual(second?.prompt_logprobs, first?.prompt_logprobs);
  assert.deepEqual([first?.tokens_out, second?.tokens_out], [4, 4]);
  await generator.close();
});
