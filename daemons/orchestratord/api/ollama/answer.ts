import {
  type EndData,
  eventError,
  fallbackOf,
  type OllamaChatReply,
  type OllamaEnded,
  ollamaError,
  type OllamaGenerateReply,
  type StopReason,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { StreamFormat } from "#shared/http/stream_response.ts";
import { utf8 } from "#shared/utf8.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import { AnswerBlocks, type WholeBlock } from "../dialect/answer_blocks.ts";
import { callArguments } from "../dialect/call_arguments.ts";
import type { ChunkWriter, Translator } from "../dialect/dialect.ts";

const DONE_REASONS = {
  EOS: "stop",
  STOP_SEQUENCE: "stop",
  TOOL_CALLS: "stop",
  MAX_TOKENS: "length",
} as const satisfies Record<StopReason, string>;

/** A part of an answer, in no shape of a route. */
export interface Part {
  readonly text?: string;
  readonly thinking?: string;
  readonly calls?: readonly Call[];
}

type Call = NonNullable<OllamaChatReply["message"]["tool_calls"]>[number];

/** First fields of each line. */
export interface Head {
  readonly model: string;
  readonly created_at: string;
  readonly done: boolean;
}

/** Makes lines of a kind from parts of an answer. */
export type MakeLine<Line> = (head: Head & OllamaEnded, part: Part) => Line;

export const chatLine: MakeLine<OllamaChatReply> = (head, { text = "", thinking, calls }) => ({
  ...head,
  message: {
    role: "assistant",
    content: text,
    ...(thinking === undefined ? {} : { thinking }),
    ...(calls === undefined ? {} : { tool_calls: [...calls] }),
  },
});

export const generateLine: MakeLine<OllamaGenerateReply> = (head, { text = "", thinking }) => ({
  ...head,
  response: text,
  ...(thinking === undefined ? {} : { thinking }),
});

/** Writes times as ISO 8601: each line of a stream has one, and most of it lasts for a second. */
export class IsoTimes {
  #second = NaN;
  #upToSecond = "";

  /** @param ms since the epoch */
  write(ms: number): string {
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#upToSecond = new Date(second * 1000).toISOString().slice(0, -4);
    }
    return `${this.#upToSecond}${String(ms - second * 1000).padStart(3, "0")}Z`;
  }
}

/** Makes the lines and the whole answer of a chat, or of a request to generate. */
export class OllamaTranslator<Line> implements Translator<Line, Line> {
  #model: string;
  readonly #line: MakeLine<Line>;
  readonly #blocks = new AnswerBlocks();
  readonly #times = new IsoTimes();
  readonly #began: number;
  #calls = 0;
  #waitMs = 0;
  #ended: OllamaEnded | undefined;

  /** @param began When the request came, by `performance.now()`. */
  constructor(model: string, line: MakeLine<Line>, began: number) {
    this.#model = model;
    this.#line = line;
    this.#began = began;
  }

  take(_choice: number, item: StreamItem): Line[] {
    if (item.kind === "metrics") return [];
    const { event } = item;
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        this.#waitMs = event.data.queue_wait_ms;
        this.#model = fallbackOf(event) ?? this.#model;
        return [];
      case "token":
        return this.#lines(event);
      case "end": {
        const lines = this.#lines(event);
        this.#ended = this.#endedBy(event.data);
        return [...lines, this.#last({})];
      }
      case "error":
        throw eventError(event.data);
    }
  }

  whole(): Line {
    if (!this.#ended) throw new LlorchError("CANCELLED", "The client went away");
    const { blocks } = this.#blocks;
    const textOf = (kind: "text" | "reasoning") =>
      blocks.filter((block) => block.kind === kind).map(({ text }) => text).join("");
    const calls = blocks.flatMap((block) => block.kind === "call" ? [block] : []);
    const thinking = textOf("reasoning");
    return this.#last({
      text: textOf("text"),
      ...(thinking === "" ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { calls: calls.map(toCall) }),
    });
  }

  #lines(event: Parameters<AnswerBlocks["take"]>[0]): Line[] {
    return this.#blocks.take(event).flatMap((step): Line[] => {
      const { block } = step;
      if (block.kind === "call") {
        // A call's arguments are an object: it is sent when it is whole.
        if (step.step !== "close") return [];
        const call = toCall({ ...block, text: step.text }, this.#calls++);
        return [this.#more({ calls: [call] })];
      }
      if (step.step !== "more" || step.text === "") return [];
      const { text } = step;
      return [this.#more(block.kind === "text" ? { text } : { thinking: text })];
    });
  }

  #more(part: Part): Line {
    return this.#line({ ...this.#head(), done: false }, part);
  }

  #last(part: Part): Line {
    return this.#line({ ...this.#head(), done: true, ...this.#ended }, part);
  }

  #head() {
    return { model: this.#model, created_at: this.#times.write(Date.now()) };
  }

  #endedBy({ stop_reason, tokens_in, tokens_out, ttft_ms, decode_time_ms }: EndData): OllamaEnded {
    const [prompt, generation] = [nanoseconds(ttft_ms), nanoseconds(decode_time_ms)];
    // A kept answer comes at once, however long it took.
    const total = Math.max(nanoseconds(performance.now() - this.#began), prompt + generation);
    return {
      done_reason: DONE_REASONS[stop_reason],
      total_duration: total,
      // It is measured in whole milliseconds, by another clock.
      load_duration: Math.min(nanoseconds(this.#waitMs), total - prompt - generation),
      prompt_eval_count: tokens_in,
      prompt_eval_duration: prompt,
      eval_count: tokens_out,
      eval_duration: generation,
    };
  }
}

/** Converts milliseconds. */
export const nanoseconds = (ms: number) => Math.round(ms * 1e6);

function toCall(block: Extract<WholeBlock, { kind: "call" }>, index: number): Call {
  const { id, name, text } = block;
  return { id, function: { index, name, arguments: callArguments(text) } };
}

const NDJSON: StreamFormat = { contentType: "application/x-ndjson" };

/** Writes lines of JSON. */
export const lineWriter: ChunkWriter<unknown> = {
  format: NDJSON,
  frame: (lines) => utf8(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
  errorFrame: (error) => utf8(`${JSON.stringify(ollamaError(error))}\n`),
};
