/**
 * All dialects give the same answer: text, thoughts, calls, how it ended, and usage; also when a
 * worker dies in the middle.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  chatChunk,
  chatCompletion,
  messageReply,
  messagesEvent,
  ollamaChatReply,
  ollamaGenerateReply,
  response,
  responseEvent,
  type ResponseObject,
} from "#shared/contracts/mod.ts";
import { readSse } from "#shared/http/sse.ts";
import type { FakeWorker } from "./testing/fake_worker.ts";
import { type Harness, withHarness } from "./testing/harness.ts";
import { CALLS, FIRST, SCRIPT, SCRIPT_END, SECOND, wholeCall } from "./testing/scripted_answer.ts";

/** What an answer says, in no dialect. */
interface Answer {
  text: string;
  thoughts: string;
  calls: { id: string; name: string; arguments: string }[];
  end: string | null;
  /** Tokens of the prompt, those of them that were cached, and those of the answer. */
  usage: readonly [number, number, number];
}

/** How a dialect asks and answers. */
interface DialectUnderTest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly ends: Readonly<Record<"calls" | "length" | "stop" | "stopped", string>>;
  /** It gives arguments as objects, and does not tell what was cached. */
  readonly isOllama?: true;
  whole(reply: unknown): Answer;
  /** Adds the data of an event. */
  add(answer: Answer, data: string): void;
}

/** What a response says. */
function wholeResponse({ output, status, usage }: ResponseObject): Answer {
  const answer = empty();
  for (const item of output) {
    if (item.type === "message") answer.text += item.content.map(({ text }) => text).join("");
    else if (item.type === "reasoning") {
      answer.thoughts += item.content.map(({ text }) => text).join("");
    } else {
      answer.calls.push({ id: item.call_id, name: item.name, arguments: item.arguments });
    }
  }
  return {
    ...answer,
    end: status,
    usage: [
      usage!.input_tokens,
      usage!.input_tokens_details.cached_tokens,
      usage!.output_tokens,
    ],
  };
}

const messages = [{ role: "user", content: "hi" }];
const empty = (): Answer => ({ text: "", thoughts: "", calls: [], end: null, usage: [0, 0, 0] });

/** Arguments as JSON writes them: some dialects give objects. */
const plain = (text: string) => JSON.stringify(JSON.parse(text));

const dialects: Record<string, DialectUnderTest> = {
  chat: {
    path: "/v1/chat/completions",
    body: { messages, max_tokens: 100, stream_options: { include_usage: true } },
    ends: { calls: "tool_calls", length: "length", stop: "stop", stopped: "stop" },
    whole(reply) {
      const { choices: [choice], usage } = chatCompletion.parse(reply);
      const { content, reasoning_content, tool_calls } = choice!.message;
      return {
        text: content ?? "",
        thoughts: reasoning_content ?? "",
        calls: (tool_calls ?? []).map(({ id, function: call }) => ({ id, ...call })),
        end: choice!.finish_reason,
        usage: [
          usage.prompt_tokens,
          usage.prompt_tokens_details.cached_tokens,
          usage.completion_tokens,
        ],
      };
    },
    add(answer, data) {
      if (data === "[DONE]") return;
      const { choices: [choice], usage } = chatChunk.parse(JSON.parse(data));
      if (usage) {
        answer.usage = [
          usage.prompt_tokens,
          usage.prompt_tokens_details.cached_tokens,
          usage.completion_tokens,
        ];
      }
      if (!choice) return;
      answer.text += choice.delta.content ?? "";
      answer.thoughts += choice.delta.reasoning_content ?? "";
      for (const { index, id, function: part } of choice.delta.tool_calls ?? []) {
        answer.calls[index] ??= { id: id!, name: part.name!, arguments: "" };
        answer.calls[index].arguments += part.arguments;
      }
      answer.end = choice.finish_reason;
    },
  },
  messages: {
    path: "/v1/messages",
    body: { messages, max_tokens: 100 },
    ends: { calls: "tool_use", length: "max_tokens", stop: "end_turn", stopped: "stop_sequence" },
    whole(reply) {
      const { content, stop_reason, usage } = messageReply.parse(reply);
      const answer = empty();
      for (const block of content) {
        if (block.type === "text") answer.text += block.text;
        else if (block.type === "thinking") answer.thoughts += block.thinking;
        else {
          const { id, name, input } = block;
          answer.calls.push({ id, name, arguments: JSON.stringify(input) });
        }
      }
      const cached = usage.cache_read_input_tokens;
      return {
        ...answer,
        end: stop_reason,
        usage: [usage.input_tokens + cached, cached, usage.output_tokens],
      };
    },
    add(answer, data) {
      const event = messagesEvent.parse(JSON.parse(data));
      if (event.type === "content_block_start" && event.content_block.type === "tool_use") {
        const { id, name } = event.content_block;
        answer.calls.push({ id, name, arguments: "" });
      } else if (event.type === "content_block_delta") {
        const { delta } = event;
        if (delta.type === "text_delta") answer.text += delta.text;
        else if (delta.type === "thinking_delta") answer.thoughts += delta.thinking;
        else answer.calls.at(-1)!.arguments += delta.partial_json;
      } else if (event.type === "message_delta") {
        answer.end = event.delta.stop_reason;
        const { input_tokens, cache_read_input_tokens: cached, output_tokens } = event.usage;
        answer.usage = [input_tokens + cached, cached, output_tokens];
      }
    },
  },
  responses: {
    path: "/v1/responses",
    body: { input: "hi", max_output_tokens: 100 },
    ends: { calls: "completed", length: "incomplete", stop: "completed", stopped: "completed" },
    whole: (reply) => wholeResponse(response.parse(reply)),
    add(answer, data) {
      const event = responseEvent.parse(JSON.parse(data));
      switch (event.type) {
        case "response.output_item.added":
          if (event.item.type !== "function_call") return;
          answer.calls.push({ id: event.item.call_id, name: event.item.name, arguments: "" });
          return;
        case "response.output_text.delta":
          answer.text += event.delta;
          return;
        case "response.reasoning_text.delta":
          answer.thoughts += event.delta;
          return;
        case "response.function_call_arguments.delta":
          answer.calls.at(-1)!.arguments += event.delta;
          return;
        case "response.completed":
        case "response.incomplete": {
          const { text, thoughts, calls, end, usage } = wholeResponse(event.response);
          // The last event has all that came before.
          assert.deepEqual({ text, thoughts, calls }, {
            text: answer.text,
            thoughts: answer.thoughts,
            calls: answer.calls,
          });
          Object.assign(answer, { end, usage });
        }
      }
    },
  },
};

for (
  const [name, path, body] of [
    ["ollama", "/api/chat", { messages }],
    ["ollama's generate", "/api/generate", { prompt: "hi" }],
  ] as const
) {
  dialects[name] = {
    path,
    body: { ...body, options: { num_predict: 100 } },
    ends: { calls: "stop", length: "length", stop: "stop", stopped: "stop" },
    isOllama: true,
    whole(reply) {
      const answer = empty();
      addLine(answer, reply);
      return answer;
    },
    add: (answer, data) => addLine(answer, JSON.parse(data)),
  };
}

/** Adds a line of Ollama's, of which a whole answer has only one. */
function addLine(answer: Answer, line: unknown): void {
  const chat = ollamaChatReply.safeParse(line);
  const { done, done_reason, prompt_eval_count, eval_count } = chat.data ??
    ollamaGenerateReply.parse(line);
  const { content = "", thinking = "", tool_calls = [] } = chat.data?.message ?? {};
  const generated = ollamaGenerateReply.safeParse(line).data;
  answer.text += content + (generated?.response ?? "");
  answer.thoughts += thinking + (generated?.thinking ?? "");
  for (const { id, function: { name, arguments: given } } of tool_calls) {
    answer.calls.push({ id, name, arguments: JSON.stringify(given) });
  }
  if (!done) return;
  answer.end = done_reason ?? null;
  answer.usage = [prompt_eval_count!, 0, eval_count!];
}

/** What a dialect can tell of an answer. */
function told({ isOllama, path }: DialectUnderTest, answer: Answer): Answer {
  const { usage: [prompt, cached, generated], calls } = answer;
  const hasCalls = path !== "/api/generate";
  return {
    ...answer,
    calls: hasCalls
      ? calls.map((call) => isOllama ? { ...call, arguments: plain(call.arguments) } : call)
      : [],
    usage: [prompt, isOllama ? 0 : cached, generated],
  };
}

const ask = (
  { url }: Harness,
  { path, body }: DialectUnderTest,
  more: object = {},
  headers: Record<string, string> = {},
) =>
  fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "counter", stream: false, ...body, ...more }),
  });

/** The data of all events of a streamed answer. */
async function eventsOf(
  harness: Harness,
  dialect: DialectUnderTest,
  onEvent: (data: string) => void = () => {},
  headers: Record<string, string> = {},
): Promise<string[]> {
  const reply = await ask(harness, dialect, { stream: true }, headers);
  const events: string[] = [];
  const take = (data: string) => {
    events.push(data);
    onEvent(data);
  };
  if (dialect.isOllama) { for await (const line of linesOf(reply.body!)) take(line); }
  else for await (const { data } of readSse(reply.body!)) take(data);
  return events;
}

/** Lines of a stream. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  assert.equal(rest, "");
}

async function streamed(harness: Harness, dialect: DialectUnderTest): Promise<Answer> {
  const answer = empty();
  for (const data of await eventsOf(harness, dialect)) dialect.add(answer, data);
  return answer;
}

const withPlainCalls = (answer: Answer): Answer => ({
  ...answer,
  calls: answer.calls.map((call) => ({ ...call, arguments: plain(call.arguments) })),
});

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
      assert.deepEqual(await streamed(harness, dialect), expected);
      const reply = await (await ask(harness, dialect)).json();
      assert.deepEqual(withPlainCalls(dialect.whole(reply)), withPlainCalls(expected));
    }));

  Deno.test(`${name}: a plain answer ends as its model ended it`, () =>
    withWorkers((worker) => {
      worker.script = [{ t: "a", ids: [1] }, { t: "b", ids: [2] }];
      worker.endFields = { ...ENDS, stop_reason: "EOS" };
    }, async (harness) => {
      const usage = [9, 4, 2] as const;
      const expected = told(dialect, { ...empty(), text: "ab", end: dialect.ends.stop, usage });
      assert.deepEqual(await streamed(harness, dialect), expected);
      assert.deepEqual(dialect.whole(await (await ask(harness, dialect)).json()), expected);
    }));

  Deno.test(`${name}: an answer that a stop string ended says so`, () =>
    withWorkers((worker) => {
      worker.script = [{ t: "a", ids: [1] }];
      worker.endFields = { ...ENDS, stop_reason: "STOP_SEQUENCE", stop_sequence: "b" };
    }, async (harness) => {
      const reply = await (await ask(harness, dialect)).json();
      const { end } = await streamed(harness, dialect);
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
      const { calls, end } = await streamed(harness, dialect);
      if (dialect.isOllama) {
        assert.deepEqual(named(calls), named(dialect.path === "/api/chat" ? [cut] : []));
      } else assert.deepEqual(calls, [cut]);
      assert.equal(end, dialect.ends.length);
      const answer = dialect.whole(await (await ask(harness, dialect)).json());
      assert.deepEqual([named(answer.calls), answer.end], [named(calls), dialect.ends.length]);
    }));

  Deno.test(`${name}: calls that a worker gives only at the end are streamed there`, () =>
    withWorkers((worker) => {
      worker.script = [{ t: "\n", ids: [1] }];
      worker.endFields = { ...SCRIPT_END, ...ENDS };
    }, async (harness) => {
      const { calls, text } = await streamed(harness, dialect);
      const names = dialect.path === "/api/generate" ? [] : [FIRST.name, SECOND.name];
      assert.deepEqual(calls.map((call) => call.name), names);
      assert.equal(text.trim(), "");
      assert.equal(dialect.whole(await (await ask(harness, dialect)).json()).text, "");
    }));

  Deno.test(`${name}: a request with the same Idempotency-Key gets the same answer`, () =>
    withWorkers(saysScript, async (harness) => {
      const headers = { "idempotency-key": "k1" };
      const count = () => harness.pool.only().executions.length;
      const first = dialect.whole(await (await ask(harness, dialect, {}, headers)).json());
      const executions = count();
      await harness.restart();
      await harness.pool.register();
      const again = await ask(harness, dialect, {}, headers);
      assert.deepEqual(dialect.whole(await again.json()), first);
      const answer = empty();
      const events = await eventsOf(harness, dialect, () => {}, headers);
      for (const data of events) dialect.add(answer, data);
      assert.deepEqual(withPlainCalls(answer), withPlainCalls(first));
      assert.equal(count(), executions);
      const other = await ask(
        harness,
        dialect,
        { temperature: 0.5, options: { seed: 1 } },
        headers,
      );
      assert.equal(other.status, 409, await other.text());
    }));

  Deno.test(`${name}: a worker that dies in the middle changes no byte of the stream`, () =>
    withWorkers(saysScript, async (harness) => {
      // Ids and times are those of the job.
      const lasting = (events: readonly string[]) =>
        events.map((data) =>
          data.replace(/"(?:id|item_id|created|\w+_at|\w+_duration)":("[^"]*"|\d+)/g, "")
        );
      const expected = lasting(await eventsOf(harness, dialect));
      for (const said of [1, 2, 4, 5, 7]) {
        const { pool } = harness;
        pool.only().allow(said);
        const answer = empty();
        let hasDied = false;
        const events = await eventsOf(harness, dialect, (data) => {
          dialect.add(answer, data);
          // Ollama's calls come when they are whole.
          const needed = dialect.isOllama ? Math.min(weight(said), weight(3)) : weight(said);
          if (hasDied || weightOf(answer) < needed) return;
          hasDied = true;
          for (const id of pool.workers.keys()) void pool.crash(id);
        });
        assert.ok(hasDied);
        assert.deepEqual(lasting(events), expected, `after ${said} events`);
      }
    }));
}
