import {
  type ChosenLogprob,
  type EndData,
  eventError,
  fallbackOf,
  openaiError,
  type OutputItem,
  type ResponseEvent,
  type ResponseObject,
  type ResponsesRequest,
  type ResponseStep,
  type TextLogprobs,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import { AnswerBlocks, type Block, type BlockStep } from "../dialect/answer_blocks.ts";
import { type FieldNames, inWordsOf } from "../dialect/field_names.ts";
import type { Translator } from "../dialect/dialect.ts";
import { toChatLogprobs } from "../openai/logprobs.ts";
import { functionsOf, responseNames } from "./task.ts";

/** First part of an item's id, by its kind. */
const PREFIXES = { text: "msg", reasoning: "rs", call: "fc" } as const;

/** The id of the response that a job makes. */
export const responseId = (jobId: string) => `resp_${jobId}`;

/** Makes the events and the whole of a response. */
export class ResponseTranslator implements Translator<ResponseEvent, ResponseObject> {
  readonly #jobId: string;
  #head: Omit<ResponseObject, "status" | "output" | "usage">;
  readonly #names: FieldNames;
  readonly #blocks = new AnswerBlocks();
  readonly #output: OutputItem[] = [];
  #logprobs: TextLogprobs = [];
  /** Id of the item that is open: each of its events has it. */
  #openId = "";
  #sequence = 0;
  #status: ResponseObject["status"] = "queued";
  #end: EndData | undefined;
  #error: LlorchError | undefined;
  readonly #onEnd: (response: ResponseObject) => Promise<void>;

  /**
   * @param createdAt ms since the epoch
   * @param onEnd Called before the last event of a response that has ended by itself is sent.
   */
  constructor(
    jobId: string,
    createdAt: number,
    body: ResponsesRequest,
    isStored: boolean,
    onEnd: (response: ResponseObject) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#jobId = jobId;
    this.#names = responseNames(body);
    this.#head = headOf(responseId(jobId), createdAt, body, isStored);
    this.#onEnd = onEnd;
  }

  take(_choice: number, item: StreamItem): ResponseEvent[] {
    if (item.kind === "metrics") return [];
    const { event } = item;
    switch (event.event) {
      case "queued":
        return this.#created();
      case "started":
        this.#head = { ...this.#head, model: fallbackOf(event) ?? this.#head.model };
        return this.#begun();
      case "token": {
        const begun = this.#begun();
        const events = this.#numbered(
          this.#blocks.take(event).flatMap((step) => this.#steps(step)),
        );
        return begun.length > 0 ? [...begun, ...events] : events;
      }
      case "end": {
        this.#end = event.data;
        const isCut = event.data.stop_reason === "MAX_TOKENS";
        const begun = this.#begun();
        const steps = this.#blocks.take(event).flatMap((step) => this.#steps(step, isCut));
        this.#status = isCut ? "incomplete" : "completed";
        const type = isCut ? "response.incomplete" as const : "response.completed" as const;
        return [...begun, ...this.#numbered([...steps, { type, response: this.whole() }])];
      }
      case "error":
        throw eventError(event.data);
    }
  }

  /** The response as far as it has come. */
  whole(): ResponseObject {
    const error = this.#error;
    return {
      ...this.#head,
      status: this.#status,
      error: error ? shownError(error) : null,
      incomplete_details: this.#status === "incomplete" ? { reason: "max_output_tokens" } : null,
      output: [...this.#output],
      usage: this.#end ? usageOf(this.#end) : null,
    };
  }

  /** Whether nothing more will come. */
  get hasEnded(): boolean {
    return this.#status !== "queued" && this.#status !== "in_progress";
  }

  async settle(): Promise<void> {
    if (this.#end) await this.#onEnd(this.whole());
  }

  fail(error: LlorchError): ResponseEvent[] {
    const begun = this.#begun();
    const steps = this.#blocks.close().flatMap((step) => this.#steps(step, true));
    this.#error = inWordsOf(this.#names, error);
    this.#status = error.code === "CANCELLED" ? "cancelled" : "failed";
    return [
      ...begun,
      ...this.#numbered([...steps, { type: "response.failed", response: this.whole() }]),
    ];
  }

  #created(): ResponseEvent[] {
    if (this.#sequence > 0) return [];
    const whole = this.whole();
    const response = whole.background ? whole : { ...whole, status: "in_progress" as const };
    return this.#numbered([{ type: "response.created", response }]);
  }

  #begun(): ResponseEvent[] {
    if (this.#status !== "queued") return [];
    const created = this.#created();
    this.#status = "in_progress";
    return [
      ...created,
      ...this.#numbered([{ type: "response.in_progress", response: this.whole() }]),
    ];
  }

  #numbered(steps: readonly ResponseStep[]): ResponseEvent[] {
    return steps.map((step) => ({ ...step, sequence_number: this.#sequence++ }));
  }

  #steps(step: BlockStep, isCut = false): ResponseStep[] {
    switch (step.step) {
      case "open":
        return this.#open(step.block);
      case "more":
        return [this.#more(step.block, step.text, step.logprobs)];
      case "close":
        return this.#close(step.block, step.text, isCut);
    }
  }

  #open(block: Block): ResponseStep[] {
    this.#logprobs = [];
    this.#openId = `${PREFIXES[block.kind]}_${this.#jobId}_${block.index}`;
    const item = this.#item(block, "", "in_progress");
    const added: ResponseStep = {
      type: "response.output_item.added",
      output_index: block.index,
      item: item.type === "function_call" ? item : { ...item, content: [] },
    };
    if (item.type === "function_call") return [added];
    const [part] = item.content;
    return [added, { type: "response.content_part.added", ...this.#partPlace(block), part: part! }];
  }

  #more(block: Block, delta: string, given: readonly ChosenLogprob[] | undefined): ResponseStep {
    switch (block.kind) {
      case "text": {
        const logprobs = toChatLogprobs(given)?.content ?? [];
        this.#logprobs.push(...logprobs);
        // Written out, as this is made for each token.
        return {
          type: "response.output_text.delta",
          item_id: this.#openId,
          output_index: block.index,
          content_index: 0,
          delta,
          logprobs,
        };
      }
      case "reasoning":
        return { type: "response.reasoning_text.delta", ...this.#partPlace(block), delta };
      case "call":
        return { type: "response.function_call_arguments.delta", ...this.#place(block), delta };
    }
  }

  #close(block: Block, text: string, isCut: boolean): ResponseStep[] {
    const item = this.#item(block, text, isCut ? "incomplete" : "completed");
    this.#output.push(item);
    const done: ResponseStep = {
      type: "response.output_item.done",
      output_index: block.index,
      item,
    };
    if (block.kind === "call") {
      const { name } = block;
      return [{
        type: "response.function_call_arguments.done",
        ...this.#place(block),
        name,
        arguments: text,
      }, done];
    }
    const place = this.#partPlace(block);
    const [part] = item.type === "function_call" ? [] : item.content;
    const textDone: ResponseStep = block.kind === "text"
      ? { type: "response.output_text.done", ...place, text, logprobs: this.#logprobs }
      : { type: "response.reasoning_text.done", ...place, text };
    return [textDone, { type: "response.content_part.done", ...place, part: part! }, done];
  }

  #item(block: Block, text: string, status: OutputItem["status"]): OutputItem {
    const id = this.#openId;
    switch (block.kind) {
      case "text": {
        const part = { type: "output_text" as const, text, annotations: [] };
        const content = [{ ...part, logprobs: this.#logprobs }];
        return { type: "message", id, status, role: "assistant", content };
      }
      case "reasoning":
        return {
          type: "reasoning",
          id,
          status,
          summary: [],
          content: [{ type: "reasoning_text", text }],
        };
      case "call": {
        const { id: call_id, name } = block;
        return { type: "function_call", id, status, call_id, name, arguments: text };
      }
    }
  }

  #place(block: Block) {
    return { item_id: this.#openId, output_index: block.index };
  }

  #partPlace(block: Block) {
    return { ...this.#place(block), content_index: 0 as const };
  }
}

function shownError(error: LlorchError): NonNullable<ResponseObject["error"]> {
  const { code, message } = openaiError(error).error;
  return { code, message };
}

/** The fields of a response that do not change. */
function headOf(
  id: string,
  createdAt: number,
  body: ResponsesRequest,
  store: boolean,
): Omit<ResponseObject, "status" | "output" | "usage"> {
  const { format } = body.text ?? {};
  return {
    id,
    object: "response",
    created_at: Math.floor(createdAt / 1000),
    background: body.background ?? false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: body.model,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    store,
    temperature: body.temperature ?? 0.8,
    text: { format: format ? { ...format } : { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: functionsOf(body).map(({ function: { name, description, parameters, strict } }) => ({
      type: "function",
      name,
      description: description ?? null,
      parameters: parameters ?? {},
      strict: strict ?? false,
    })),
    top_p: body.top_p ?? 0.95,
    top_logprobs: body.top_logprobs ?? 0,
    truncation: "disabled",
  };
}

function usageOf(
  { tokens_in, tokens_cached, tokens_out, reasoning_tokens = 0 }: EndData,
): NonNullable<ResponseObject["usage"]> {
  return {
    input_tokens: tokens_in,
    input_tokens_details: { cached_tokens: tokens_cached },
    output_tokens: tokens_out,
    output_tokens_details: { reasoning_tokens },
    total_tokens: tokens_in + tokens_out,
  };
}
