import {
  type EndData,
  eventError,
  fallbackOf,
  type Infill,
  type InfillChunk,
  type InfillRequest,
  llamaError,
  llamaRoutes as routes,
  type StopReason,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import { encodeSseData, SSE } from "#shared/http/sse.ts";
import { LlorchError } from "#shared/errors.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { ChunkWriter, Operation, Translator } from "../dialect/dialect.ts";
import { type NameSettings, toTask } from "../dialect/task.ts";

const STOP_TYPES = {
  EOS: "eos",
  TOOL_CALLS: "eos",
  MAX_TOKENS: "limit",
  STOP_SEQUENCE: "word",
} as const satisfies Record<StopReason, string>;

/** Converts a request to its task. */
export function infillTask(body: InfillRequest, settings?: NameSettings): TaskRequest {
  const { n_predict, seed, top_k } = body;
  return toTask({
    model: body.model,
    prompt: body.input_prefix + body.prompt,
    suffix: body.input_suffix,
    context_files: body.input_extra.map(({ filename, text }) => ({ filename, text })),
    ...defined({
      temperature: body.temperature,
      top_k: top_k === undefined ? undefined : Math.max(0, top_k),
      top_p: body.top_p,
      min_p: body.min_p,
      repetition_penalty: body.repeat_penalty,
      frequency_penalty: body.frequency_penalty,
      presence_penalty: body.presence_penalty,
      stop: body.stop,
      // A job generates a token at least; the reply to 0 leaves it out.
      max_tokens: n_predict < 0 ? undefined : Math.max(1, n_predict),
      seed: seed === undefined || seed < 0 ? undefined : seed >>> 0,
    }),
  }, settings);
}

/** Makes the events and the whole reply of an infill. */
export class InfillTranslator implements Translator<InfillChunk, Infill> {
  readonly #request: Pick<InfillRequest, "model" | "n_predict">;
  #model: string;
  #content = "";
  #events = 0;
  #end: EndData | undefined;

  constructor(request: Pick<InfillRequest, "model" | "n_predict">) {
    this.#request = request;
    this.#model = request.model;
  }

  take(_choice: number, item: StreamItem): InfillChunk[] {
    if (item.kind === "metrics") return [];
    const { event } = item;
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        this.#model = fallbackOf(event) ?? this.#model;
        return [];
      case "token": {
        if (this.#isEvaluation) return [];
        const { t } = event.data;
        this.#content += t;
        this.#events++;
        return [{ index: 0, content: t, tokens_predicted: this.#events, stop: false }];
      }
      case "end":
        this.#end = event.data;
        return [{ ...this.whole(), content: "" }];
      case "error":
        throw eventError(event.data);
    }
  }

  whole(): Infill {
    const end = this.#end;
    if (!end) throw new LlorchError("CANCELLED", "The client went away");
    const predicted = this.#isEvaluation ? 0 : end.tokens_out;
    return {
      index: 0,
      content: this.#content,
      tokens_predicted: predicted,
      stop: true,
      model: this.#model,
      tokens_evaluated: end.tokens_in,
      tokens_cached: end.tokens_cached,
      truncated: false,
      stop_type: STOP_TYPES[end.stop_reason],
      timings: {
        cache_n: end.tokens_cached,
        prompt_n: end.tokens_in - end.tokens_cached,
        prompt_ms: end.ttft_ms,
        predicted_n: predicted,
        predicted_ms: end.decode_time_ms,
      },
    };
  }

  /** Whether the client wants the prompt evaluated and nothing generated. */
  get #isEvaluation(): boolean {
    return this.#request.n_predict === 0;
  }
}

/** Writes events as llama-server does, without an end frame. */
const writer: ChunkWriter<InfillChunk> = {
  format: SSE,
  frame: (chunks) => encodeSseData(...chunks.map((chunk) => JSON.stringify(chunk))),
  errorFrame: (error) => encodeSseData(JSON.stringify(llamaError(error))),
};

/** `POST /infill`. */
export const infill: Operation<typeof routes.infill, InfillChunk> = {
  route: routes.infill,
  tasks: (body, settings) => [infillTask(body, settings)],
  isStream: (body) => body.stream,
  translator: (_first, body) => new InfillTranslator(body),
  writer,
};
