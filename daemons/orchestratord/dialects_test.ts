/**
 * All dialects give the same answer: text, thoughts, calls, how it ended, and usage; also when a
 * worker dies in the middle.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Answer,
  ask,
  dialects,
  emptyAnswer,
  eventsOf,
  lastingParts,
  streamed,
  told,
  whole,
  withPlainCalls,
} from "./testing/dialects.ts";
import type { FakeWorker } from "./testing/fake_worker.ts";
import { type Harness, withHarness } from "./testing/harness.ts";
import { CALLS, FIRST, SCRIPT, SCRIPT_END, SECOND, wholeCall } from "./testing/scripted_answer.ts";

const HI = { content: "hi", maxTokens: 100 };

/** Runs a test with workers that say what `say` sets. */
const withWorkers = (
  say: (worker: FakeWorker) => void,
  test: (harness: Harness) => Promise<void>,
) =>
  withHarness({}, async (harness) => {
    harness.pool.onSpawn = (_, worker) => say(worker);
    await harness.events({ model: "counter", messages: [{ role: "user", content: "hi" }] });
    await test(harness);
  });

/** How much an answer says. */
const weightOf = ({ text, thoughts, calls }: Answer) =>
  calls.reduce((sum, call) => sum + 1 + call.arguments.length, text.length + thoughts.length);

/** How much the first events of {@linkcode SCRIPT} say. */
const weight = (events: number) =>
  SCRIPT.slice(0, events).reduce((sum, { t, call }) => sum + t.length + (call?.id ? 1 : 0), 0);

const ENDS = { tokens_in: 9, tokens_cached: 4 };
const saysScript = (worker: FakeWorker) => {
  worker.script = SCRIPT;
  worker.endFields = { ...SCRIPT_END, ...ENDS };
};

for (const [name, dialect] of Object.entries(dialects)) {
  Deno.test(`${name}: thoughts, text, calls and usage, whole and streamed`, () =>
    withWorkers(saysScript, async (harness) => {
      const expected = told(dialect, {
        text: "I look: ",
        thoughts: "Let me see.",
        calls: CALLS.map(({ id, function: call }) => ({ id, ...call })),
        end: dialect.ends.calls,
        usage: [9, 4, 9],
      });
      assert.deepEqual(await streamed(harness.url, dialect, HI), expected);
      assert.deepEqual(
        withPlainCalls(await whole(harness.url, dialect, HI)),
        withPlainCalls(expected),
      );
    }));

  Deno.test(`${name}: a plain answer ends as its model ended it`, () =>
    withWorkers((worker) => {
      worker.script = [{ t: "a", ids: [1] }, { t: "b", ids: [2] }];
      worker.endFields = { ...ENDS, stop_reason: "EOS" };
    }, async (harness) => {
      const usage = [9, 4, 2] as const;
      const expected = told(dialect, {
        ...emptyAnswer(),
        text: "ab",
        end: dialect.ends.stop,
        usage,
      });
      assert.deepEqual(await streamed(harness.url, dialect, HI), expected);
      assert.deepEqual(await whole(harness.url, dialect, HI), expected);
    }));

  Deno.test(`${name}: an answer that a stop string ended says so`, () =>
    withWorkers((worker) => {
      worker.script = [{ t: "a", ids: [1] }];
      worker.endFields = { ...ENDS, stop_reason: "STOP_SEQUENCE", stop_sequence: "b" };
    }, async (harness) => {
      const reply = await (await ask(harness.url, dialect, HI)).json();
      const { end } = await streamed(harness.url, dialect, HI);
      assert.deepEqual([dialect.whole(reply).end, end], [
        dialect.ends.stopped,
        dialect.ends.stopped,
      ]);
      if (name === "messages") assert.equal(reply.stop_sequence, "b");
    }));

  Deno.test(`${name}: a call that was cut is there as far as it came`, () =>
    withWorkers((worker) => {
      worker.script = SCRIPT.slice(0, 5);
      const cut = wholeCall(FIRST, SCRIPT[4]!.t);
      worker.endFields = { ...ENDS, stop_reason: "MAX_TOKENS", tool_calls: [cut] };
    }, async (harness) => {
      const cut = { ...FIRST, arguments: SCRIPT[4]!.t };
      const named = (calls: Answer["calls"]) => calls.map((call) => call.name);
      const { calls, end } = await streamed(harness.url, dialect, HI);
      if (dialect.isOllama) {
        assert.deepEqual(named(calls), named(dialect.path === "/api/chat" ? [cut] : []));
      } else assert.deepEqual(calls, [cut]);
      assert.equal(end, dialect.ends.length);
      const answer = await whole(harness.url, dialect, HI);
      assert.deepEqual([named(answer.calls), answer.end], [named(calls), dialect.ends.length]);
    }));

  Deno.test(`${name}: calls that a worker gives only at the end are streamed there`, () =>
    withWorkers((worker) => {
      worker.script = [{ t: "\n", ids: [1] }];
      worker.endFields = { ...SCRIPT_END, ...ENDS };
    }, async (harness) => {
      const { calls, text } = await streamed(harness.url, dialect, HI);
      const names = dialect.path === "/api/generate" ? [] : [FIRST.name, SECOND.name];
      assert.deepEqual(calls.map((call) => call.name), names);
      assert.equal(text.trim(), "");
      assert.equal((await whole(harness.url, dialect, HI)).text, "");
    }));

  Deno.test(`${name}: a request with the same Idempotency-Key gets the same answer`, () =>
    withWorkers(saysScript, async (harness) => {
      const headers = { "idempotency-key": "k1" };
      const count = () => harness.pool.only().executions.length;
      const first = await whole(harness.url, dialect, HI, {}, headers);
      const executions = count();
      await harness.restart();
      await harness.pool.register();
      assert.deepEqual(await whole(harness.url, dialect, HI, {}, headers), first);
      const answer = emptyAnswer();
      const events = await eventsOf(harness.url, dialect, HI, { headers });
      for (const data of events) dialect.add(answer, data);
      assert.deepEqual(withPlainCalls(answer), withPlainCalls(first));
      assert.equal(count(), executions);
      const other = await ask(
        harness.url,
        dialect,
        HI,
        { temperature: 0.5, options: { seed: 1 } },
        headers,
      );
      assert.equal(other.status, 409, await other.text());
    }));

  Deno.test(`${name}: a worker that dies in the middle changes no byte of the stream`, () =>
    withWorkers(saysScript, async (harness) => {
      const expected = lastingParts(await eventsOf(harness.url, dialect, HI));
      for (const said of [1, 2, 4, 5, 7]) {
        const { pool } = harness;
        pool.only().allow(said);
        const answer = emptyAnswer();
        let hasDied = false;
        const events = await eventsOf(harness.url, dialect, HI, {
          onEvent: (data) => {
            dialect.add(answer, data);
            // Ollama's calls come when they are whole.
            const needed = dialect.isOllama ? Math.min(weight(said), weight(3)) : weight(said);
            if (hasDied || weightOf(answer) < needed) return;
            hasDied = true;
            for (const id of pool.workers.keys()) void pool.crash(id);
          },
        });
        assert.ok(hasDied);
        assert.deepEqual(lastingParts(events), expected, `after ${said} events`);
      }
    }));
}

Deno.test("any number of tokens may be asked for: more than a million counts as that", () =>
  withHarness({}, async (harness) => {
    harness.pool.onSpawn = (_, worker) => {
      worker.script = [{ t: "a", ids: [1] }];
    };
    const messages = [{ role: "user", content: "w1" }];
    const chat = (more: Record<string, unknown>) =>
      ["/v1/chat/completions", { messages, ...more }] as const;
    const shapes: readonly ((most: number) => readonly [string, Record<string, unknown>])[] = [
      (max_tokens) => chat({ max_tokens }),
      (max_completion_tokens) => chat({ max_completion_tokens }),
      (n_predict) => chat({ n_predict }),
      (max_tokens) => ["/v1/completions", { prompt: "w1", max_tokens }],
      (max_output_tokens) => ["/v1/responses", { input: "w1", max_output_tokens }],
      (max_tokens) => ["/v1/messages", { messages, max_tokens }],
      (n_predict) => ["/completion", { prompt: "w1", n_predict }],
      (n_predict) => ["/infill", { input_prefix: "a", input_suffix: "b", n_predict }],
      (num_predict) => ["/api/chat", { messages, stream: false, options: { num_predict } }],
      (num_predict) => ["/api/generate", { prompt: "w", stream: false, options: { num_predict } }],
      (max_tokens) => ["/v2/tasks", { prompt: "w1", max_tokens }],
    ];
    for (const shape of shapes) {
      for (const most of [1_000_001, 1e9, 1e15]) {
        const [path, body] = shape(most);
        const reply = await fetch(harness.url + path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "counter", ...body }),
        });
        assert.ok(reply.ok, `${path} ${Object.keys(body)}: ${reply.status} ${await reply.text()}`);
        assert.equal(harness.pool.only().executions.at(-1)?.max_tokens, 1_000_000, path);
      }
    }
  }));
