import assert from "node:assert/strict";
import { AnswerReader, type ReaderOptions } from "../answers/reader/reader.ts";
import { FAKE_END, FAKE_SYNTAX, FakeEngine } from "../testing/fake_engine.ts";
import { idsOf, outline, readEvents, textOf } from "../testing/generator.ts";
import { testRun, tokensOf } from "../testing/run.ts";
import { StoppedClock } from "../testing/stopped_clock.ts";
import type { Run, ThinkingLimit } from "./run.ts";

/** Starts a run, gives it the tokens of a text until it ends, and reads its events. */
async function say(run: Run, text: string, { end = true } = {}) {
  run.start();
  for (const token of [...tokensOf(text), ...end ? [FAKE_END] : []]) run.accept({ token });
  assert.equal(run.ended, true, "The run has not ended");
  const events = await readEvents(run.answer.stream.body);
  const last = events.at(-1);
  return {
    events,
    text: textOf(events),
    outline: outline(events),
    end: last?.event === "end" ? last.data : undefined,
  };
}

/** A reader that knows a function `f`. */
const reader = (options: Partial<ReaderOptions> = {}) =>
  new AnswerReader(FAKE_SYNTAX, {
    tools: new Map([["f", {}]]),
    promptEnd: "",
    isSingle: false,
    splitsThoughts: true,
    ...options,
  });
const CALL = '<tool_call>{"name":"f","arguments":{"a":1.0}}</tool_call>';

Deno.test("a run sends each token and ends with the model, whose end token is not sent", async () => {
  const reply = await say(testRun(), "hi");
  assert.deepEqual(reply.outline, ["started", "token", "token", "end EOS"]);
  assert.deepEqual([reply.text, idsOf(reply.events)], ["hi", tokensOf("hi")]);
  assert.deepEqual([reply.end?.tokens_in, reply.end?.tokens_out], [3, 2]);
});

Deno.test("a resumed run shows its sampling the earlier tokens, and continues after them", async () => {
  const calls: unknown[] = [];
  const sampling = {
    see: (prompt: readonly number[]) => calls.push(["see", ...prompt]),
    replay: (token: number) => calls.push(["replay", token]),
    forbid() {},
    dispose() {},
  };
  const run = testRun({ prompt: [1, 2], resume: tokensOf("ab"), resumeIndex: 1, sampling });
  assert.deepEqual([...run.tokens], [1, 2, ...tokensOf("ab")]);
  const reply = await say(run, "c");
  assert.deepEqual(calls, [["see", 1, 2], ["replay", 0x61], ["replay", 0x62]]);
  assert.deepEqual(reply.events.filter(({ event }) => event === "token"), [
    { event: "token", data: { t: "c", i: 1, ids: tokensOf("c") } },
  ]);
  assert.deepEqual([reply.end?.tokens_in, reply.end?.tokens_out], [2, 3]);
});

Deno.test("a resumed run that was already complete ends at once, as it would have", async () => {
  for (
    const [last, spec] of [
      ["end EOS", { resume: [0x61, FAKE_END, 0x62] }],
      ["end STOP_SEQUENCE", { resume: tokensOf("a."), stops: ["."] }],
      ["end MAX_TOKENS", { resume: tokensOf("ab"), maxTokens: 2 }],
      ["end TOOL_CALLS", { resume: tokensOf(CALL), reader: reader({ isSingle: true }) }],
    ] as const
  ) {
    const reply = await say(testRun(spec), "more");
    assert.deepEqual(reply.outline, ["started", last]);
    assert.equal(reply.end?.tool_calls?.length, last === "end TOOL_CALLS" ? 1 : undefined);
  }
});

Deno.test("a stop string that began in the resumed text ends a run", async () => {
  const reply = await say(testRun({ resume: tokensOf("one#"), stops: ["##"] }), "#two");
  assert.deepEqual([reply.text, reply.outline.at(-1)], ["", "end STOP_SEQUENCE"]);
  assert.equal(reply.end?.stop_sequence, "##");
});

Deno.test("a stop string ends a run and is not shown; text that only looked like one is shown", async () => {
  const reply = await say(testRun({ stops: ["##"] }), "a#b##c");
  assert.equal(reply.text, "a#b");
  assert.equal(reply.outline.at(-1), "end STOP_SEQUENCE");
  assert.equal(reply.end?.stop_sequence, "##");
  assert.equal(reply.end?.tokens_out, 5);
  assert.equal((await say(testRun({ stops: ["##"] }), "a#")).text, "a#");
});

Deno.test("a run ends after max_tokens, including resumed ones, or when the context is full", async () => {
  const some = await say(testRun({ resume: tokensOf("ab"), maxTokens: 4 }), "cdef");
  assert.deepEqual([some.text, some.outline.at(-1)], ["cd", "end MAX_TOKENS"]);
  const engine = new FakeEngine({ context: 6 });
  for (const maxTokens of [undefined, 100]) {
    const full = await say(testRun({ maxTokens }, { engine }), "defghi");
    assert.deepEqual([full.text, full.outline.at(-1)], ["def", "end MAX_TOKENS"]);
  }
});

Deno.test("a run ends with the calls that were made, and half a call is neither call nor text", async () => {
  const made = await say(testRun({ reader: reader() }), `ok ${CALL}`);
  assert.deepEqual([made.text, made.outline.at(-1)], ["ok", "end TOOL_CALLS"]);
  const functions = made.end?.tool_calls?.map((call) => call.function);
  assert.deepEqual(functions, [{ name: "f", arguments: '{"a":1.0}' }]);

  const single = await say(testRun({ reader: reader({ isSingle: true }) }), CALL, { end: false });
  assert.equal(single.outline.at(-1), "end TOOL_CALLS");

  const cut = await say(testRun({ reader: reader(), maxTokens: 20 }), `ok ${CALL}`);
  assert.deepEqual([cut.text, cut.outline.at(-1)], ["ok", "end MAX_TOKENS"]);
  assert.equal(cut.end?.tool_calls, undefined);

  const half = await say(testRun({ reader: reader(), maxTokens: 44 }), `ok ${CALL}`);
  assert.deepEqual([half.text, half.outline.at(-1)], ["ok", "end MAX_TOKENS"]);
  assert.equal(half.end?.tool_calls?.[0]?.function.arguments, '{"a":1');

  const text = await say(testRun({ reader: reader() }), "ok <tool");
  assert.deepEqual([text.text, text.outline.at(-1)], ["ok <tool", "end EOS"]);
});

Deno.test("logprobs are sent with the text of their tokens, in order, however long that is held back", async () => {
  const run = testRun({ stops: ["aab"] });
  const odds = (token: number, logprob: number) => ({
    token,
    odds: { logprob, top: [{ token: 0x7a, logprob: -9 }] },
  });
  const logprobOf = (id: number, t: string, logprob: number) => ({
    id,
    t,
    ...(t === "\ufffd" ? { bytes: [id] } : {}),
    logprob,
    top: [{ id: 0x7a, t: "z", logprob: -9 }],
  });
  run.start();
  // Two bytes of one character, then three that may be a stop string: the first of them turns out
  // not to.
  [0xc3, 0xa9, 0x61, 0x61, 0x61].forEach((token, index) => run.accept(odds(token, -1 - index)));
  run.complete("EOS");
  const events = await readEvents(run.answer.stream.body);
  const sent = events.flatMap((event) => event.event === "token" ? [event.data] : []);
  assert.deepEqual(sent.map(({ t }) => t), ["é", "a", "aa"]);
  assert.deepEqual(sent.flatMap(({ logprobs = [] }) => logprobs), [
    ...[logprobOf(0xc3, "\ufffd", -1), logprobOf(0xa9, "\ufffd", -2)],
    ...[logprobOf(0x61, "a", -3), logprobOf(0x61, "a", -4), logprobOf(0x61, "a", -5)],
  ]);
});

Deno.test("text has the logprobs of its own tokens, and not those of marks around it", async () => {
  const run = testRun({ reader: reader(), stops: ["\n\n\n"] });
  run.start();
  const said = `<think>Hm.</think>\n\nIt is\n${CALL}`;
  for (const token of tokensOf(said)) run.accept({ token, odds: { logprob: -1, top: [] } });
  run.complete("EOS");
  const texts: Record<string, string> = {};
  for (const event of await readEvents(run.answer.stream.body)) {
    if (event.event !== "token") continue;
    const { channel = "text", logprobs = [] } = event.data;
    texts[channel] = (texts[channel] ?? "") + logprobs.map(({ t }) => t).join("");
  }
  assert.deepEqual(texts, {
    reasoning: "<think>Hm.",
    text: "It is",
    call: `\n${CALL.slice(0, -1 - "</tool_call>".length)}`,
  });
});

Deno.test("tokens before the start and after the end are ignored", async () => {
  let counted = 0;
  const observer = { started() {}, token: () => counted++, ended() {} };
  const run = testRun({}, { observer });
  run.accept({ token: 0x61 });
  run.start();
  run.accept({ token: 0x62 });
  run.complete("EOS");
  run.accept({ token: 0x63 });
  run.complete("MAX_TOKENS");
  const events = await readEvents(run.answer.stream.body);
  assert.equal(textOf(events), "b");
  assert.deepEqual(outline(events), ["started", "token", "end EOS"]);
  const end = events.at(-1);
  assert.ok(end?.event === "end" && end.data.tokens_out === 1);
  assert.equal(counted, 1);
});

Deno.test("a run reports how much of its prompt is read until its first token, then that all of it is", async () => {
  const run = testRun({ resume: tokensOf("d") });
  run.answer.report();
  run.start();
  run.evaluated(2, 2);
  run.answer.report();
  run.evaluated(3);
  run.answer.report();
  run.accept({ token: 0x65 });
  run.answer.report();
  run.complete("EOS");
  const events = await readEvents(run.answer.stream.body);
  const figures = events.flatMap(({ event, data }) =>
    event === "metrics" ? [[data.prompt_done, data.prompt_total, data.tokens_out]] : []
  );
  assert.deepEqual(figures, [[0, 4, 0], [2, 4, 1], [3, 4, 1], [4, 4, 1], [
    undefined,
    undefined,
    2,
  ]]);
  const end = events.at(-1);
  assert.ok(end?.event === "end");
  assert.equal(end.data.tokens_cached, 2);
});

Deno.test("a run reports each step of its prompt, if it is asked to", async () => {
  const run = testRun({ promptProgress: true });
  run.evaluated(1, 1);
  run.start();
  run.evaluated(2);
  run.accept({ token: 0x65 });
  run.evaluated(3);
  run.complete("EOS");
  const events = await readEvents(run.answer.stream.body);
  const figures = events.map(({ event, data }) =>
    event === "metrics" ? [data.prompt_done, data.prompt_total, data.prompt_cached] : event
  );
  assert.deepEqual(figures, ["started", [1, 3, 1], [2, 3, 1], [3, 3, 1], "token", "end"]);
});

Deno.test("the speed of a resumed run counts only its own tokens", async () => {
  using clock = new StoppedClock();
  const run = testRun({ resume: tokensOf("abc") });
  run.start();
  for (const token of tokensOf("def")) {
    clock.pass(10);
    run.accept({ token });
  }
  run.answer.report();
  run.complete("EOS");
  const metrics = (await readEvents(run.answer.stream.body)).at(-2);
  assert.ok(metrics?.event === "metrics");
  assert.deepEqual([metrics.data.tokens_out, metrics.data.tokens_per_second], [6, 100]);
});

Deno.test("the number of cached prompt tokens never exceeds the prompt", async () => {
  const run = testRun({ resume: tokensOf("defg") });
  run.start();
  run.evaluated(6, 6);
  run.complete("EOS");
  const end = (await readEvents(run.answer.stream.body)).at(-1);
  assert.ok(end?.event === "end" && end.data.tokens_cached === 3);
});

Deno.test("a run wakes the loop when its reader reads, and when it ends, after its owner is called", async () => {
  const calls: string[] = [];
  const run = testRun({}, { wake: () => calls.push("wake"), onEnded: () => calls.push("ended") });
  run.start();
  assert.deepEqual(calls, []);
  const reader = run.answer.stream.body.getReader();
  await reader.read();
  assert.deepEqual(calls, ["wake"]);
  await reader.cancel();
  run.complete("EOS");
  assert.deepEqual(calls, ["wake", "ended", "wake"]);
});

/** Token events of a run that is given a text, with the channel and call of each. */
async function pieces(run: Run, text: string) {
  const { events } = await say(run, text);
  return events.flatMap((event) => event.event === "token" ? [event.data] : []);
}

const THOUGHT = `<think>hm</think>\n\nso ${CALL}`;

Deno.test("a run sends thoughts, text and growing calls apart, and counts tokens of thoughts", async () => {
  const { events, end } = await say(testRun({ reader: reader() }), THOUGHT);
  const sent = events.flatMap((event) => event.event === "token" ? [event.data] : []);
  const of = (channel?: string) => sent.filter((each) => each.channel === channel);
  assert.equal(of("reasoning").map(({ t }) => t).join(""), "hm");
  assert.equal(of().map(({ t }) => t).join(""), "so");
  assert.equal(of("call").map(({ t }) => t).join(""), '{"a":1.0}');
  assert.deepEqual(of("call")[0]?.call, { index: 0, id: end?.tool_calls?.[0]?.id, name: "f" });
  assert.ok(of("call").length > 3, "it grows");
  assert.equal(end?.reasoning_tokens, ">hm</think>".length);
  assert.match(end?.tool_calls?.[0]?.id ?? "", /^[A-Za-z0-9]{9}$/);
});

Deno.test("a run that resumes anywhere goes on with the same events", async () => {
  const whole = await pieces(testRun({ reader: reader() }), THOUGHT);
  for (let count = 1; count < whole.length; count++) {
    const resume = whole.slice(0, count).flatMap(({ ids = [] }) => ids);
    const rest = THOUGHT.slice(resume.length);
    const run = testRun({ reader: reader(), resume, resumeIndex: count });
    assert.deepEqual(await pieces(run, rest), whole.slice(count), `after ${count} events`);
  }
});

/** A limit of thoughts: by default none. */
const limit = (options: Partial<ThinkingLimit> = {}): ThinkingLimit => ({
  ...{ most: Infinity, closing: tokensOf("</think>"), opening: [], mustGoOn: false },
  ...options,
});

Deno.test("a thought that has had its tokens is closed, once, and wherever the run resumes", async () => {
  const thinking = limit({ most: 2 });
  const { closing } = thinking;
  const run = testRun({ reader: reader(), thinking });
  run.start();
  const said: number[] = [];
  for (const token of tokensOf("<think>hmmm")) {
    run.accept({ token });
    said.push(token);
    if (run.forced.length > 0) break;
  }
  assert.deepEqual(run.forced, closing);
  assert.equal(said.length, "<think>h".length);
  for (const token of run.forced) run.force(token);
  assert.deepEqual(run.forced, []);
  for (const token of [...tokensOf("ok"), FAKE_END]) run.accept({ token });
  const events = await readEvents(run.answer.stream.body);
  assert.equal(textOf(events), "ok");
  const resume = [...said, ...closing.slice(0, 3)];
  const again = testRun({ reader: reader(), thinking, resume });
  again.start();
  assert.deepEqual(again.forced, closing.slice(3));
  again.answer.leave();
});

/** Lets a run open a thought and adds the tokens that close it. */
function openThought(run: Run, text: string): void {
  for (const token of tokensOf(text)) {
    run.accept({ token });
    if (run.forced.length > 0) break;
  }
  assert.deepEqual(run.forced, limit().closing);
  for (const token of run.forced) run.force(token);
  assert.deepEqual(run.forced, []);
}

Deno.test("a thought that is opened again is closed at once, and one in the prompt that may have no tokens", () => {
  const run = testRun({ reader: reader(), thinking: limit({ most: 2 }) });
  run.start();
  openThought(run, "<think>hm");
  openThought(run, "<think>");
  run.answer.leave();
  const none = testRun({
    reader: reader({ promptEnd: "<think>" }),
    thinking: limit({ most: 0 }),
  });
  none.start();
  assert.deepEqual(none.forced, limit().closing);
  none.answer.leave();
});

Deno.test("a model that only opens thoughts that may have no more tokens has ended", async () => {
  const run = testRun({ reader: reader(), thinking: limit({ most: 0 }) });
  run.start();
  for (let times = 0; times < 8; times++) openThought(run, "<think>");
  for (const token of tokensOf("<think>")) run.accept({ token });
  assert.equal(run.ended, true);
  const events = await readEvents(run.answer.stream.body);
  assert.deepEqual([textOf(events), outline(events).at(-1)], ["", "end EOS"]);
});

Deno.test("a run that has ended takes no forced tokens: its sampling is freed", () => {
  const calls: string[] = [];
  const sampling = {
    ...{ see() {}, forbid() {} },
    replay: () => calls.push("replay"),
    dispose: () => calls.push("dispose"),
  };
  const run = testRun({ sampling });
  run.start();
  run.force(0x61);
  run.answer.leave();
  run.force(0x61);
  assert.deepEqual(calls, ["replay", "dispose"]);
});

Deno.test("the token that opens a thought is forbidden once the tokens of thoughts are spent", () => {
  const forbidden: (readonly number[])[] = [];
  const sampling = {
    ...{ see() {}, replay() {}, dispose() {} },
    forbid: (tokens: readonly number[]) => forbidden.push(tokens),
  };
  const spec = { reader: reader(), sampling };
  const run = testRun({ ...spec, thinking: limit({ most: 2, opening: [7] }) });
  run.start();
  assert.deepEqual(forbidden, []);
  openThought(run, "<think>hm");
  assert.deepEqual(forbidden, [[7]]);
  run.answer.leave();
  const none = testRun({ ...spec, thinking: limit({ most: 0, opening: [7] }) });
  none.start();
  assert.deepEqual(forbidden, [[7], [7]]);
  none.answer.leave();
});

Deno.test("a model that ends within its thought goes on after it, where it must", async () => {
  for (const mustGoOn of [false, true]) {
    const run = testRun({ reader: reader(), thinking: limit({ mustGoOn }) });
    run.start();
    for (const token of [...tokensOf("<think>hm"), FAKE_END]) run.accept({ token });
    assert.equal(run.ended, !mustGoOn);
    if (mustGoOn) {
      assert.deepEqual(run.forced, limit().closing);
      for (const token of run.forced) run.force(token);
      for (const token of [...tokensOf("so"), FAKE_END]) run.accept({ token });
    }
    const events = await readEvents(run.answer.stream.body);
    const said = mustGoOn ? "<think>hm</think>so" : "<think>hm";
    assert.deepEqual([textOf(events), idsOf(events)], [mustGoOn ? "so" : "", tokensOf(said)]);
  }
});

Deno.test("a call that ends a thought without a mark is not counted as thinking", async () => {
  const { end } = await say(testRun({ reader: reader() }), `<think>hm ${CALL}`);
  assert.equal(end?.tool_calls?.[0]?.function.name, "f");
  assert.equal(end?.reasoning_tokens, ">hm ".length);
});

Deno.test("the end mark of a thought that was closed for the model is left out, once", async () => {
  const run = testRun({ reader: reader(), thinking: limit({ most: 2 }) });
  run.start();
  openThought(run, "<think>hm");
  for (const token of [...tokensOf("mm.</think>So </think>."), FAKE_END]) run.accept({ token });
  assert.equal(textOf(await readEvents(run.answer.stream.body)), "mm.So </think>.");
});
