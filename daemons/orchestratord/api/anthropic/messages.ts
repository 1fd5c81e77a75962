import {
  anthropicError,
  anthropicRoutes as routes,
  type ContentBlock,
  type EndData,
  eventError,
  fallbackOf,
  givenSampling,
  type MessageReply,
  type MessagesEvent,
  type MessagesRequest,
  type StopReason,
  type StoredJobEvent,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import { encodeSse, formatSse, SSE } from "#shared/http/sse.ts";
import { utf8 } from "#shared/utf8.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import {
  AnswerBlocks,
  type Block,
  type BlockStep,
  type WholeBlock,
} from "../dialect/answer_blocks.ts";
import { callArguments } from "../dialect/call_arguments.ts";
import type { ChunkWriter, Operation, Translator } from "../dialect/dialect.ts";
import { type NameSettings, seedOf, toTask } from "../dialect/task.ts";
import { messagesNames, promptFields } from "./prompt.ts";

const STOP_REASONS = {
  EOS: "end_turn",
  STOP_SEQUENCE: "stop_sequence",
  MAX_TOKENS: "max_tokens",
  TOOL_CALLS: "tool_use",
} as const satisfies Record<StopReason, string>;

/** Converts a request to its task. */
export function messagesTask(body: MessagesRequest, settings?: NameSettings): TaskRequest {
  return toTask({
    ...promptFields(body),
    max_tokens: body.max_tokens,
    ...defined({
      temperature: body.temperature ?? undefined,
      top_p: body.top_p ?? undefined,
      top_k: body.top_k ?? undefined,
      stop: body.stop_sequences ?? undefined,
      min_p: body.min_p ?? undefined,
      repetition_penalty: body.repetition_penalty ?? body.repeat_penalty ?? undefined,
      frequency_penalty: body.frequency_penalty ?? undefined,
      presence_penalty: body.presence_penalty ?? undefined,
      logit_bias: body.logit_bias,
      seed: seedOf(body.seed),
    }),
    ...givenSampling(body),
  }, settings);
}

/** Makes the events and the whole answer of `POST /v1/messages`. */
export class MessagesTranslator implements Translator<MessagesEvent, MessageReply> {
  #head: Pick<MessageReply, "id" | "type" | "role" | "model">;
  readonly #blocks = new AnswerBlocks();
  #hasBegun = false;
  #end: EndData | undefined;

  constructor(jobId: string, { model }: Pick<MessagesRequest, "model">) {
    this.#head = { id: `msg_${jobId}`, type: "message", role: "assistant", model };
  }

  take(_choice: number, item: StreamItem): MessagesEvent[] {
    if (item.kind === "metrics") return [];
    const { event } = item;
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        this.#head = { ...this.#head, model: fallbackOf(event) ?? this.#head.model };
        return this.#begin(event.data);
      case "token":
        return [...this.#begin(), ...this.#blocks.take(event).flatMap(eventsOf)];
      case "end":
        this.#end = event.data;
        return [
          ...this.#begin(),
          ...this.#blocks.take(event).flatMap(eventsOf),
          { type: "message_delta", ...this.#ended(event.data) },
          { type: "message_stop" },
        ];
      case "error":
        throw eventError(event.data);
    }
  }

  whole(): MessageReply {
    if (!this.#end) throw new LlorchError("CANCELLED", "The client went away");
    const { delta, usage } = this.#ended(this.#end);
    return { ...this.#head, content: this.#blocks.blocks.map(wholeBlock), ...delta, usage };
  }

  /** The event that comes first; some engines tell the prompt's tokens at the end only. */
  #begin({ tokens_in = 0, tokens_cached = 0 }: PromptTokens = {}): MessagesEvent[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    const message = {
      ...this.#head,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: usageOf({ tokens_in, tokens_cached, tokens_out: 0 }),
    };
    return [{ type: "message_start", message }];
  }

  #ended({ stop_reason, stop_sequence, tokens_in, tokens_cached, tokens_out }: EndData) {
    return {
      delta: {
        stop_reason: STOP_REASONS[stop_reason],
        stop_sequence: stop_sequence ?? null,
      },
      usage: usageOf({ tokens_in, tokens_cached, tokens_out }),
    };
  }
}

type PromptTokens = Pick<
  Extract<StoredJobEvent, { event: "started" }>["data"],
  "tokens_in" | "tokens_cached"
>;

function usageOf(
  { tokens_in, tokens_cached, tokens_out }: Pick<
    EndData,
    "tokens_in" | "tokens_cached" | "tokens_out"
  >,
): MessageReply["usage"] {
  return {
    input_tokens: tokens_in - tokens_cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: tokens_cached,
    output_tokens: tokens_out,
  };
}

function eventsOf(step: BlockStep): MessagesEvent[] {
  const { block } = step;
  const { index } = block;
  switch (step.step) {
    case "open": {
      const begun: MessagesEvent = {
        type: "content_block_start",
        index,
        content_block: emptyBlock(block),
      };
      return index === 0 ? [begun, { type: "ping" }] : [begun];
    }
    case "more":
      return step.text === ""
        ? []
        : [{ type: "content_block_delta", index, delta: deltaOf(block, step.text) }];
    case "close":
      return [{ type: "content_block_stop", index }];
  }
}

function emptyBlock(block: Block): ContentBlock {
  switch (block.kind) {
    case "text":
      return { type: "text", text: "" };
    case "reasoning":
      return { type: "thinking", thinking: "", signature: "" };
    case "call":
      return { type: "tool_use", id: block.id, name: block.name, input: {} };
  }
}

function deltaOf({ kind }: Block, text: string) {
  switch (kind) {
    case "text":
      return { type: "text_delta" as const, text };
    case "reasoning":
      return { type: "thinking_delta" as const, thinking: text };
    case "call":
      return { type: "input_json_delta" as const, partial_json: text };
  }
}

function wholeBlock(block: WholeBlock): ContentBlock {
  const empty = emptyBlock(block);
  switch (empty.type) {
    case "text":
      return { ...empty, text: block.text };
    case "thinking":
      return { ...empty, thinking: block.text };
    case "tool_use":
      return { ...empty, input: callArguments(block.text) };
  }
}

const PING = formatSse("ping", { type: "ping" });

/** Writes events under the name of their type. */
const writer: ChunkWriter<MessagesEvent> = {
  format: {
    ...SSE,
    keepAlive: utf8(PING),
    // Clients may take a stream without pings for dead, and comments are not shown to them.
    comment: (text) => utf8(`: ${text}\n\n${PING}`),
  },
  frame: (events) => utf8(events.map((event) => formatSse(event.type, event)).join("")),
  errorFrame: (error) => encodeSse("error", anthropicError(error)),
};

/** `POST /v1/messages`. */
export const messages: Operation<typeof routes.messages, MessagesEvent> = {
  route: routes.messages,
  tasks: (body, settings) => [messagesTask(body, settings)],
  names: messagesNames,
  isStream: (body) => body.stream === true,
  translator: ({ id }, body) => new MessagesTranslator(id, body),
  writer,
};
