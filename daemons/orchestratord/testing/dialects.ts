/**
 * How each dialect asks and answers, so that a test can put the same question to all of them and
 * compare what they say.
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
import { parseExactJson } from "#shared/exact_json.ts";
import { readSse } from "#shared/http/sse.ts";

/** What is asked, in no dialect. */
export interface Question {
  readonly content: string;
  readonly maxTokens?: number;
  readonly stop?: string;
  readonly temperature?: number;
  /** As `/v1/chat/completions` has them. */
  readonly tools?: readonly { readonly type: string; readonly function: DescribedFunction }[];
}

interface DescribedFunction {
  readonly name: string;
  readonly description?: string;
  readonly parameters: unknown;
}

/** What an answer says, in no dialect. */
export interface Answer {
  text: string;
  thoughts: string;
  calls: { id: string; name: string; arguments: string }[];
  end: string | null;
  /** Tokens of the prompt, those of them that were cached, and those of the answer. */
  usage: readonly [number, number, number];
}

/** How a dialect asks and answers. */
export interface DialectUnderTest {
  readonly path: string;
  /** The body of a question, without its model. */
  body(question: Question): Record<string, unknown>;
  readonly ends: Readonly<Record<"calls" | "length" | "stop" | "stopped", string>>;
  /** It gives arguments as objects, and does not tell what was cached. */
  readonly isOllama?: true;
  whole(reply: unknown): Answer;
  /** Adds the data of an event. */
  add(answer: Answer, data: string): void;
}

/** What a response says. */
function wholeResponse({ output, status, usage }: ResponseObject): Answer {
  const answer = emptyAnswer();
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

const messagesOf = ({ content }: Question) => [{ role: "user", content }];

/** Functions with their fields beside the type, as the newer APIs have them. */
const flatTools = (tools: Question["tools"], schema: string, more: object = {}) =>
  tools?.map(({ function: { parameters, ...rest } }) => ({
    ...more,
    ...rest,
    [schema]: parameters,
  }));

/** An answer that says nothing yet. */
export const emptyAnswer = (): Answer => ({
  ...{ text: "", thoughts: "", calls: [], end: null },
  usage: [0, 0, 0],
});

/** Arguments as JSON writes them, with all digits: some dialects give objects. */
export const plainArguments = (text: string) => JSON.stringify(parseExactJson(text));

/** The dialects by their names. */
export const dialects: Record<string, DialectUnderTest> = {
  chat: {
    path: "/v1/chat/completions",
    body: (question) => ({
      messages: messagesOf(question),
      max_tokens: question.maxTokens,
      stop: question.stop,
      temperature: question.temperature,
      tools: question.tools,
      stream_options: { include_usage: true },
    }),
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
    body: (question) => ({
      messages: messagesOf(question),
      max_tokens: question.maxTokens,
      stop_sequences: question.stop === undefined ? undefined : [question.stop],
      temperature: question.temperature,
      tools: flatTools(question.tools, "input_schema"),
    }),
    ends: { calls: "tool_use", length: "max_tokens", stop: "end_turn", stopped: "stop_sequence" },
    whole(reply) {
      const { content, stop_reason, usage } = messageReply.parse(reply);
      const answer = emptyAnswer();
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
    body: (question) => ({
      input: question.content,
      max_output_tokens: question.maxTokens,
      stop: question.stop === undefined ? undefined : [question.stop],
      temperature: question.temperature,
      tools: flatTools(question.tools, "parameters", { type: "function" }),
    }),
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
  const [name, path, asked] of [
    [
      "ollama",
      "/api/chat",
      (question: Question) => ({ messages: messagesOf(question), tools: question.tools }),
    ],
    ["ollama's generate", "/api/generate", ({ content }: Question) => ({ prompt: content })],
  ] as const
) {
  dialects[name] = {
    path,
    body: (question) => ({
      ...asked(question),
      options: {
        num_predict: question.maxTokens,
        stop: question.stop,
        temperature: question.temperature,
      },
    }),
    ends: { calls: "stop", length: "length", stop: "stop", stopped: "stop" },
    isOllama: true,
    whole(reply) {
      const answer = emptyAnswer();
      addLine(answer, reply);
      return answer;
    },
    add: (answer, data) => addLine(answer, parseExactJson(data)),
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
export function told({ isOllama, path }: DialectUnderTest, answer: Answer): Answer {
  const { usage: [prompt, cached, generated], calls } = answer;
  const hasCalls = path !== "/api/generate";
  return {
    ...answer,
    calls: hasCalls
      ? calls.map((call) =>
        isOllama ? { ...call, arguments: plainArguments(call.arguments) } : call
      )
      : [],
    usage: [prompt, isOllama ? 0 : cached, generated],
  };
}

/** Asks; the reply is whole unless `more` says otherwise. */
export const ask = (
  url: string,
  dialect: DialectUnderTest,
  question: Question,
  more: object = {},
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(url + dialect.path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "counter", stream: false, ...dialect.body(question), ...more }),
  });

/** Asks for a whole answer. */
export async function whole(
  url: string,
  dialect: DialectUnderTest,
  question: Question,
  more: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const reply = await ask(url, dialect, question, more, headers);
  const text = await reply.text();
  assert.equal(reply.status, 200, text);
  return dialect.whole(parseExactJson(text));
}

/** The data of all events of a streamed answer. */
export async function eventsOf(
  url: string,
  dialect: DialectUnderTest,
  question: Question,
  { onEvent = () => {}, headers = {}, more = {} }: {
    readonly onEvent?: (data: string) => void;
    readonly headers?: Record<string, string>;
    readonly more?: object;
  } = {},
): Promise<string[]> {
  const reply = await ask(url, dialect, question, { ...more, stream: true }, headers);
  assert.equal(reply.status, 200, reply.ok ? "" : await reply.text());
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

/** Asks for a stream, and puts the answer together. */
export async function streamed(
  url: string,
  dialect: DialectUnderTest,
  question: Question,
  more: object = {},
): Promise<Answer> {
  const answer = emptyAnswer();
  for (const data of await eventsOf(url, dialect, question, { more })) dialect.add(answer, data);
  return answer;
}

/** An answer whose arguments are written as JSON writes them. */
export const withPlainCalls = (answer: Answer): Answer => ({
  ...answer,
  calls: answer.calls.map((call) => ({ ...call, arguments: plainArguments(call.arguments) })),
});

/** Data of events without what differs from request to request: ids, times and durations. */
export const lastingParts = (events: readonly string[]): string[] =>
  events.map((data) =>
    data.replace(/"(?:id|item_id|call_id|created|\w+_at|\w+_duration)":("[^"]*"|\d+)/g, "")
  );
