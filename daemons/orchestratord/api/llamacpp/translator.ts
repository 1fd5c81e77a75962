import {
  type ChosenLogprob,
  type EndData,
  eventError,
  fallbackOf,
  llamaError,
  type MetricsData,
  type NativeChunk,
  type NativeCompletion,
  type NativeProbabilities,
  type StopReason,
  type TaskRequest,
  type TokenData,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import { encodeSseData, SSE } from "#shared/http/sse.ts";
import { LlorchError } from "#shared/errors.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { ChunkWriter, Translator } from "../dialect/dialect.ts";
import { Progress } from "../openai/progress.ts";
import { timingsOf } from "../openai/task.ts";
import { settingsOf } from "./settings.ts";

const STOP_TYPES = {
  EOS: "eos",
  TOOL_CALLS: "eos",
  MAX_TOKENS: "limit",
  STOP_SEQUENCE: "word",
} as const satisfies Record<StopReason, string>;

/** What of a request shapes its reply. */
export interface NativeAsked {
  readonly model: string;
  /** Whether the prompt is to be evaluated and nothing generated. */
  readonly isEvaluation: boolean;
  readonly isStream: boolean;
  readonly wantsTokens?: boolean;
  /** A prompt of text. */
  readonly prompt?: string | undefined;
}

/** Makes the events and the whole reply of a completion or an infill. */
export class NativeTranslator implements Translator<NativeChunk, NativeCompletion> {
  readonly #asked: NativeAsked;
  readonly #task: TaskRequest;
  readonly #progress: Progress;
  #promptTokens: number | undefined;
  #model: string;
  #content = "";
  #ids: number[] = [];
  #events = 0;
  #logprobs: ChosenLogprob[] = [];
  #end: EndData | undefined;

  /** @param task What was asked of the worker. */
  constructor(asked: NativeAsked, task: TaskRequest) {
    this.#asked = asked;
    this.#task = task;
    this.#progress = new Progress({
      stream: asked.isStream,
      return_progress: task.prompt_progress,
    });
    this.#model = asked.model;
  }

  take(_choice: number, item: StreamItem): NativeChunk[] {
    if (item.kind === "metrics") return this.#progressChunk(item.data);
    const { event } = item;
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        this.#model = fallbackOf(event) ?? this.#model;
        return [];
      case "token":
        this.#progress.begin(0);
        return this.#asked.isEvaluation ? [] : [this.#token(event.data)];
      case "end":
        this.#end = event.data;
        return [this.#last(event.data)];
      case "error":
        throw eventError(event.data);
    }
  }

  whole(): NativeCompletion {
    if (!this.#end) throw new LlorchError("CANCELLED", "The client went away");
    return {
      ...this.#last(this.#end),
      content: this.#content,
      tokens: this.#asked.wantsTokens ? this.#ids : [],
      ...this.#probabilities(this.#logprobs),
    };
  }

  #progressChunk(metrics: MetricsData): NativeChunk[] {
    this.#promptTokens = metrics.prompt_total ?? this.#promptTokens;
    const prompt_progress = this.#progress.take(0, metrics);
    if (!prompt_progress) return [];
    return [{
      ...{ index: 0, content: "", tokens: [], stop: false, tokens_predicted: 0 },
      tokens_evaluated: prompt_progress.total,
      prompt_progress,
    }];
  }

  #token({ t, ids = [], logprobs = [], timings }: TokenData): NativeChunk {
    this.#content += t;
    this.#events++;
    this.#ids.push(...ids);
    this.#logprobs.push(...logprobs);
    return {
      index: 0,
      content: t,
      tokens: ids,
      stop: false,
      tokens_predicted: Math.max(this.#ids.length, this.#events),
      ...defined({ tokens_evaluated: timings?.tokens_in ?? this.#promptTokens }),
      ...this.#probabilities(logprobs),
      ...(timings ? { timings: timingsOf(timings) } : {}),
    };
  }

  /** The last event of a stream, whose text came before. */
  #last(end: EndData): NativeCompletion {
    const predicted = this.#asked.isEvaluation ? 0 : end.tokens_out;
    const { prompt, isStream } = this.#asked;
    return {
      index: 0,
      content: "",
      tokens: [],
      stop: true,
      model: this.#model,
      tokens_predicted: predicted,
      tokens_evaluated: end.tokens_in,
      tokens_cached: end.tokens_cached,
      generation_settings: settingsOf(this.#task, { isStream, seed: end.seed }),
      ...(prompt === undefined ? {} : { prompt }),
      has_new_line: this.#content.includes("\n"),
      truncated: false,
      stop_type: this.#asked.isEvaluation ? "limit" : STOP_TYPES[end.stop_reason],
      stopping_word: end.stop_sequence ?? "",
      timings: timingsOf({ ...end, tokens_out: predicted }),
    };
  }

  #probabilities(
    found: readonly ChosenLogprob[],
  ): { completion_probabilities?: NativeProbabilities } {
    if (found.length === 0) return {};
    const isPostSampling = this.#task.post_sampling_probs === true;
    return {
      completion_probabilities: found.map(({ top, ...own }) => {
        const candidates = top.map((each) => candidate(each, isPostSampling));
        return {
          ...candidate(own, isPostSampling),
          ...(isPostSampling ? { top_probs: candidates } : { top_logprobs: candidates }),
        };
      }),
    };
  }
}

function candidate({ id, t, bytes, logprob }: Omit<ChosenLogprob, "top">, isPostSampling: boolean) {
  return {
    id,
    // A part of a character has no text.
    token: bytes ? "" : t,
    bytes: bytes ?? [...new TextEncoder().encode(t)],
    ...(isPostSampling ? { prob: Math.exp(logprob) } : { logprob }),
  };
}

/** Writes events as llama-server does, without an end frame. */
export const nativeWriter: ChunkWriter<NativeChunk> = {
  format: SSE,
  frame: (chunks) => encodeSseData(...chunks.map((chunk) => JSON.stringify(chunk))),
  errorFrame: (error) => encodeSseData(JSON.stringify(llamaError(error))),
};
