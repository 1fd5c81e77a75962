import {
  type ChatChunk,
  type ChatRequest,
  type EndData,
  type OpenAIUsage,
  orchestratorRoutes,
  type StopReason,
  type StoredJobEvent,
  type TaskRequest,
  taskRequest,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { z } from "zod";

/** A whole answer. */
type ChatCompletion = z.input<typeof orchestratorRoutes.chat.reply>;

const FINISH_REASONS = {
  EOS: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  TOOL_CALLS: "tool_calls",
} as const satisfies Record<StopReason, string>;

/** OpenAI's chat request as a task of ours; fields that are null or absent take our defaults. */
export function toTask(body: ChatRequest): TaskRequest {
  const given: Record<string, unknown> = {
    model: body.model,
    messages: body.messages.map(({ role, content }) => ({
      role: role === "developer" ? "system" : role,
      content: typeof content === "string" ? content : content.map((part) => part.text).join(""),
    })),
    max_tokens: body.max_completion_tokens ?? body.max_tokens,
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    min_p: body.min_p,
    repetition_penalty: body.repetition_penalty,
    frequency_penalty: body.frequency_penalty,
    presence_penalty: body.presence_penalty,
    logit_bias: body.logit_bias,
    // OpenAI allows any integer; ours are unsigned 32 bits.
    seed: typeof body.seed === "number" ? Number(BigInt.asUintN(32, BigInt(body.seed))) : undefined,
    stop: typeof body.stop === "string" ? [body.stop] : body.stop,
    json_schema: jsonSchemaOf(body.response_format),
  };
  const present = Object.entries(given).filter(([, v]) => v !== undefined && v !== null);
  return taskRequest.parse(Object.fromEntries(present) as TaskRequestInput);
}

function jsonSchemaOf(format: ChatRequest["response_format"]): Record<string, unknown> | undefined {
  if (format?.type === "json_schema") return format.json_schema.schema;
  return format?.type === "json_object" ? { type: "object" } : undefined;
}

/** Turns a job's events into chunks, and into the whole answer. */
export class ChatTranslator {
  readonly #id: string;
  readonly #created: number;
  readonly #request: ChatRequest;
  #text = "";
  #begun = false;
  #end: EndData | undefined;

  /** @param createdAt ms since the epoch */
  constructor(jobId: string, createdAt: number, request: ChatRequest) {
    this.#id = `chatcmpl-${jobId}`;
    this.#created = Math.floor(createdAt / 1000);
    this.#request = request;
  }

  /**
   * The chunks that an event gives.
   *
   * @throws {LlorchError} the job's error
   */
  take(event: StoredJobEvent): ChatChunk[] {
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        return this.#role();
      case "token":
        this.#text += event.data.t;
        return [...this.#role(), this.#chunk({ content: event.data.t }, null)];
      case "end":
        this.#end = event.data;
        return [
          ...this.#role(),
          this.#chunk({}, FINISH_REASONS[event.data.stop_reason]),
          ...this.#usageChunk(event.data),
        ];
      case "error":
        throw new LlorchError(event.data.code, event.data.message);
    }
  }

  /** The whole answer, once the job has ended. */
  completion(): ChatCompletion {
    if (!this.#end) throw new LlorchError("CANCELLED", "The client went away");
    return {
      ...this.#head(),
      object: "chat.completion",
      choices: [{
        index: 0,
        message: { role: "assistant", content: this.#text, refusal: null },
        logprobs: null,
        finish_reason: FINISH_REASONS[this.#end.stop_reason],
      }],
      usage: usageOf(this.#end),
    };
  }

  #role(): ChatChunk[] {
    if (this.#begun) return [];
    this.#begun = true;
    return [this.#chunk({ role: "assistant", content: "" }, null)];
  }

  #usageChunk(end: EndData): ChatChunk[] {
    if (!this.#request.stream_options?.include_usage) return [];
    return [{ ...this.#chunkHead(), choices: [], usage: usageOf(end) }];
  }

  #chunk(
    delta: ChatChunk["choices"][number]["delta"],
    finish: ChatChunk["choices"][number]["finish_reason"],
  ): ChatChunk {
    return {
      ...this.#chunkHead(),
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(this.#request.stream_options?.include_usage ? { usage: null } : {}),
    };
  }

  #chunkHead() {
    return { ...this.#head(), object: "chat.completion.chunk" as const };
  }

  #head() {
    return {
      id: this.#id,
      created: this.#created,
      model: this.#request.model,
      system_fingerprint: null,
    };
  }
}

function usageOf(end: EndData): OpenAIUsage {
  return {
    prompt_tokens: end.tokens_in,
    completion_tokens: end.tokens_out,
    total_tokens: end.tokens_in + end.tokens_out,
    prompt_tokens_details: { cached_tokens: end.tokens_cached },
  };
}
