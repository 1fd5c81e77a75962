import {
  type CallPart,
  type ChatChunk,
  type ChatCompletion,
  type ChatRequest,
  type ChosenLogprob,
  eventError,
  type GivenMessage,
  isContinued,
  type MetricsData,
  openaiRoutes as routes,
  ownTools,
  type StopReason,
  type TaskRequest,
  type TokenData,
} from "#shared/contracts/mod.ts";
import { CollectedAnswer } from "#shared/collected_answer.ts";
import { defined } from "#shared/json.ts";
import { toChatLogprobs } from "./logprobs.ts";
import { Progress } from "./progress.ts";
import {
  chunkTimings,
  isEvaluation,
  limitOf,
  taskNames,
  timingsOf,
  toTasks,
  withoutTokens,
} from "./task.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Operation, Translator } from "../dialect/dialect.ts";
import type { FieldNames } from "../dialect/field_names.ts";
import type { NameSettings } from "../dialect/task.ts";
import { Reply } from "./reply.ts";
import { openaiWriter } from "./stream.ts";

const FINISH_REASONS = {
  EOS: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  TOOL_CALLS: "tool_calls",
} as const satisfies Record<StopReason, string>;

/** Converts OpenAI's chat request into tasks, one for each choice. */
export function chatTasks(body: ChatRequest, settings?: NameSettings): TaskRequest[] {
  return toTasks(body, {
    messages: body.messages.map(toMessage),
    ...limitOf(body.max_completion_tokens ?? body.max_tokens ?? body.n_predict),
    ...ownTools(body.tools, body.tool_choice),
    parallel_tool_calls: body.parallel_tool_calls,
    reasoning_effort: body.reasoning_effort ?? effortOf(body),
    reasoning_format: body.reasoning_format === "none" ? "none" : body.reasoning_format && "auto",
    reasoning_budget_tokens: budgetOf(body),
    chat_template_kwargs: kwargsOf(body),
    continue_final_message: isContinued(body.continue_final_message),
    logprobs: body.logprobs ? body.top_logprobs ?? 0 : undefined,
  }, settings);
}

/** What a chat's request calls the fields of its tasks. */
export function chatNames(body: ChatRequest): FieldNames {
  const own = body.max_completion_tokens == null ? {} : { max_tokens: "max_completion_tokens" };
  return { ...taskNames(body), ...own, prompt: "messages", logprobs: "top_logprobs" };
}

/** A message as tasks have it: they read all other shapes. */
function toMessage(message: ChatRequest["messages"][number]): GivenMessage {
  switch (message.role) {
    case "assistant": {
      const { reasoning, ...rest } = message;
      const thoughts = rest.reasoning_content ?? reasoning;
      return { ...rest, ...(thoughts ? { reasoning_content: thoughts } : {}) };
    }
    case "tool":
    case "user":
      return message;
    default:
      return { ...message, role: "system" };
  }
}

/** The effort in OpenRouter's words. */
function effortOf({ reasoning }: ChatRequest) {
  return reasoning?.enabled === false ? "none" : reasoning?.effort;
}

/** Most tokens of thinking; undefined if there is no limit. */
function budgetOf(body: ChatRequest): number | undefined {
  const { reasoning_budget_tokens, thinking_budget_tokens, reasoning } = body;
  const budget = reasoning_budget_tokens ?? thinking_budget_tokens ?? reasoning?.max_tokens;
  return budget == null || budget < 0 ? undefined : budget;
}

function kwargsOf({ chat_template_kwargs: kwargs, reasoning, ...body }: ChatRequest) {
  const enable_thinking = body.enable_thinking ?? body.think;
  if (typeof enable_thinking === "boolean") return { enable_thinking };
  return kwargs ?? (reasoning?.enabled === true ? { enable_thinking: true } : undefined);
}

/** Makes chunks and the whole answer of a chat. */
export class ChatTranslator implements Translator<ChatChunk, ChatCompletion> {
  readonly #reply: Reply;
  readonly #answers: readonly CollectedAnswer[];
  readonly #logprobs: ChosenLogprob[][] = [];
  readonly #begun = new Set<number>();
  readonly #isEvaluation: boolean;
  readonly #progress: Progress;

  constructor(jobId: string, createdAt: number, request: ChatRequest) {
    const choices = request.n ?? 1;
    this.#reply = new Reply(`chatcmpl-${jobId}`, createdAt, request, choices);
    this.#isEvaluation = isEvaluation(request);
    this.#progress = new Progress(request);
    this.#answers = Array.from({ length: choices }, () => new CollectedAnswer());
  }

  take(choice: number, item: StreamItem): ChatChunk[] {
    if (item.kind === "metrics") return this.#progressChunk(choice, item.data);
    const event = this.#isEvaluation ? withoutTokens(item.event) : item.event;
    if (!event) return [];
    const answer = this.#answers[choice]!;
    answer.take(event);
    this.#reply.take(event);
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        return this.#role(choice);
      case "token":
        this.#progress.begin(choice);
        return [
          ...this.#role(choice),
          { ...this.#token(choice, event.data), ...chunkTimings(event.data) },
        ];
      case "end":
        this.#reply.end(choice, event.data);
        return [
          ...this.#role(choice),
          // Some workers give calls only at the end.
          ...answer.calls.flatMap((call, index) =>
            answer.hasStreamed(index)
              ? []
              : this.#chunk(choice, { tool_calls: [{ index, ...call }] })
          ),
          {
            ...this.#chunk(choice, {}, FINISH_REASONS[event.data.stop_reason]),
            timings: timingsOf(event.data),
          },
          ...this.#usageChunk(),
        ];
      case "error":
        throw eventError(event.data);
    }
  }

  #token(choice: number, { t, channel, call, logprobs }: TokenData): ChatChunk {
    if (channel === "reasoning") return this.#chunk(choice, { reasoning_content: t });
    if (call) return this.#chunk(choice, { tool_calls: [callDelta(call, t)] });
    // As in OpenAI's, only those of the answer's text.
    if (logprobs) (this.#logprobs[choice] ??= []).push(...logprobs);
    return this.#chunk(choice, { content: t }, null, logprobs);
  }

  whole(): ChatCompletion {
    return {
      ...this.#reply.head,
      object: "chat.completion",
      choices: this.#answers.map(({ text, reasoning, calls }, index) => {
        const { stop_reason } = this.#reply.endOf(index);
        // White space before calls is part of how models write them, and no answer.
        const content = calls.length > 0 && text.trim() === "" ? null : text;
        return {
          index,
          message: {
            role: "assistant",
            content,
            ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
            refusal: null,
            ...(calls.length > 0 ? { tool_calls: [...calls] } : {}),
          },
          logprobs: toChatLogprobs(this.#logprobs[index]),
          finish_reason: FINISH_REASONS[stop_reason],
        };
      }),
      usage: this.#reply.usage(),
      timings: timingsOf(this.#reply.endOf(0)),
    };
  }

  #role(choice: number): ChatChunk[] {
    if (this.#begun.has(choice)) return [];
    this.#begun.add(choice);
    return [this.#chunk(choice, { role: "assistant", content: "" })];
  }

  #progressChunk(choice: number, metrics: MetricsData): ChatChunk[] {
    const prompt_progress = this.#progress.take(choice, metrics);
    if (!prompt_progress) return [];
    return [...this.#role(choice), { ...this.#chunk(choice, {}), prompt_progress }];
  }

  #usageChunk(): ChatChunk[] {
    const usage = this.#reply.lastUsage();
    if (!usage) return [];
    return [{ ...this.#reply.head, object: "chat.completion.chunk", choices: [], usage }];
  }

  #chunk(
    index: number,
    delta: ChatChunk["choices"][number]["delta"],
    finish_reason: ChatChunk["choices"][number]["finish_reason"] = null,
    logprobs?: readonly ChosenLogprob[],
  ): ChatChunk {
    return {
      ...this.#reply.head,
      object: "chat.completion.chunk",
      choices: [{ index, delta, logprobs: toChatLogprobs(logprobs), finish_reason }],
      ...this.#reply.noUsage,
    };
  }
}

type CallDelta = NonNullable<ChatChunk["choices"][number]["delta"]["tool_calls"]>[number];

/** A part of a call's arguments; its first part has the call's id and name, too. */
function callDelta({ index, id, name }: CallPart, text: string): CallDelta {
  if (name === undefined) return { index, function: { arguments: text } };
  return { index, ...defined({ id }), type: "function", function: { name, arguments: text } };
}

/** `POST /v1/chat/completions`. */
export const chat: Operation<typeof routes.chat, ChatChunk> = {
  route: routes.chat,
  tasks: chatTasks,
  names: chatNames,
  isStream: (body) => body.stream === true,
  translator: ({ id, createdAt }, body) => new ChatTranslator(id, createdAt, body),
  writer: openaiWriter,
};
