import {
  type ChosenLogprob,
  type Completion,
  type CompletionChunk,
  type CompletionLogprobs,
  type CompletionRequest,
  eventError,
  type MetricsData,
  openaiRoutes as routes,
  promptsOf,
  type StopReason,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { promptText, toCompletionLogprobs, toEchoedLogprobs } from "./logprobs.ts";
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
import { type NameSettings, NO_SETTINGS } from "../dialect/task.ts";
import { Reply } from "./reply.ts";
import { openaiWriter } from "./stream.ts";

/** OpenAI's default for `max_tokens` of a completion. */
const DEFAULT_MAX_TOKENS = 16;

const FINISH_REASONS = {
  EOS: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  // A completion has no tools.
  TOOL_CALLS: "stop",
} as const satisfies Record<StopReason, string>;

/** Converts OpenAI's completion request into tasks: the choices of the first prompt, of the second, … */
export function completionTasks(
  body: CompletionRequest,
  { parameters, fixed }: NameSettings = NO_SETTINGS,
): TaskRequest[] {
  const limit = body.max_tokens ?? body.n_predict;
  const most = limit == null ? { max_tokens: DEFAULT_MAX_TOKENS } : {};
  const settings = { parameters: { ...most, ...parameters }, fixed };
  return promptsOf(body.prompt).flatMap((prompt) =>
    toTasks(body, {
      ...promptFields(prompt, body),
      ...limitOf(limit),
      logprobs: body.logprobs,
      prompt_logprobs: body.echo ? body.logprobs : undefined,
    }, settings)
  );
}

/** What a completion's request calls the fields of its tasks. */
export function completionNames(body: CompletionRequest): FieldNames {
  return { ...taskNames(body), prompt: "prompt", prompt_tokens: "prompt" };
}

/** What every text of a special token has. */
const SPECIAL = /[<[|｜]/;

/**
 * As llama-server and vLLM, special tokens in a text are read as such; an empty suffix is none. Workers
 * that are older than the field serve texts without special tokens.
 */
export function promptFields(
  prompt: string | number[],
  { suffix, special }: Pick<CompletionRequest, "suffix" | "special">,
) {
  if (typeof prompt !== "string") return { prompt_tokens: prompt };
  return {
    prompt,
    special: special ?? (SPECIAL.test(prompt) || undefined),
    ...(suffix ? { suffix } : {}),
  };
}

/** Makes chunks and the whole answer of a completion. */
export class CompletionTranslator implements Translator<CompletionChunk, Completion> {
  readonly #reply: Reply;
  readonly #texts: string[];
  readonly #logprobs: ChosenLogprob[][] = [];
  readonly #isEvaluation: boolean;
  readonly #progress: Progress;
  /** Texts of the prompts that come before the choices. */
  readonly #echoes: readonly string[];
  /** Prompts of the choices, if they are echoed with their logprobs, which come with the end. */
  readonly #scored: readonly (string | number[])[];

  constructor(jobId: string, createdAt: number, request: CompletionRequest) {
    const prompts = promptsOf(request.prompt);
    const { n } = request;
    const choices = prompts.length * (n ?? 1);
    this.#reply = new Reply(`cmpl-${jobId}`, createdAt, request, choices);
    this.#texts = Array.from({ length: choices }, () => "");
    this.#isEvaluation = isEvaluation(request);
    this.#progress = new Progress(request);
    const own = this.#texts.map((_, choice) => prompts[Math.floor(choice / (n ?? 1))]!);
    const isScored = request.echo === true && typeof request.logprobs === "number";
    this.#scored = isScored ? own : [];
    this.#echoes = request.echo && !isScored ? own.map(String) : [];
  }

  take(choice: number, item: StreamItem): CompletionChunk[] {
    if (item.kind === "metrics") return this.#progressChunk(choice, item.data);
    const event = this.#isEvaluation ? withoutTokens(item.event) : item.event;
    if (!event) return [];
    this.#reply.take(event);
    switch (event.event) {
      case "queued":
        return [];
      case "started":
        return this.#echo(choice);
      case "token": {
        this.#progress.begin(choice);
        const { t, logprobs } = event.data;
        const offset = this.#texts[choice]!.length;
        this.#texts[choice] += t;
        if (logprobs) (this.#logprobs[choice] ??= []).push(...logprobs);
        const chunk = this.#chunk(choice, t, null, toCompletionLogprobs(logprobs, offset));
        return [{ ...chunk, ...chunkTimings(event.data) }];
      }
      case "end": {
        this.#reply.end(choice, event.data);
        const chunk = {
          ...this.#chunk(choice, "", FINISH_REASONS[event.data.stop_reason]),
          timings: timingsOf(event.data),
        };
        const usage = this.#reply.lastUsage();
        return usage ? [chunk, { ...this.#head(), choices: [], usage }] : [chunk];
      }
      case "error":
        throw eventError(event.data);
    }
  }

  /** The prompt of a choice, if the client wants it; once, however often the choice is started. */
  #echo(choice: number): CompletionChunk[] {
    const echo = this.#echoes[choice];
    if (echo === undefined || this.#texts[choice] !== "") return [];
    this.#texts[choice] = echo;
    return [this.#chunk(choice, echo, null)];
  }

  whole(): Completion {
    return {
      ...this.#head(),
      choices: this.#texts.map((text, index) => ({
        index,
        ...this.#answer(text, index),
        finish_reason: FINISH_REASONS[this.#reply.endOf(index).stop_reason],
      })),
      usage: this.#reply.usage(),
      timings: timingsOf(this.#reply.endOf(0)),
    };
  }

  #progressChunk(choice: number, metrics: MetricsData): CompletionChunk[] {
    const prompt_progress = this.#progress.take(choice, metrics);
    return prompt_progress ? [{ ...this.#chunk(choice, "", null), prompt_progress }] : [];
  }

  #answer(
    generated: string,
    index: number,
  ): { readonly text: string; readonly logprobs: CompletionLogprobs } {
    const logprobs = this.#logprobs[index];
    const prompt = this.#scored[index];
    if (prompt === undefined) {
      return { text: generated, logprobs: toCompletionLogprobs(logprobs, 0) };
    }
    const { prompt_logprobs: scored } = this.#reply.endOf(index);
    if (!scored) {
      const message = "The worker was lost before it told the prompt's logprobs; ask again";
      throw new LlorchError("WORKER_LOST", message);
    }
    const echo = typeof prompt === "string" ? prompt : promptText(scored);
    return {
      text: echo + generated,
      logprobs: toEchoedLogprobs(scored, echo, logprobs ?? []),
    };
  }

  #chunk(
    index: number,
    text: string,
    finish_reason: CompletionChunk["choices"][number]["finish_reason"],
    logprobs: CompletionLogprobs = null,
  ): CompletionChunk {
    return {
      ...this.#head(),
      choices: [{ index, text, logprobs, finish_reason }],
      ...this.#reply.noUsage,
    };
  }

  #head() {
    return { ...this.#reply.head, object: "text_completion" as const };
  }
}

/** `POST /v1/completions`. */
export const completions: Operation<typeof routes.completions, CompletionChunk> = {
  route: routes.completions,
  tasks: completionTasks,
  names: completionNames,
  isStream: (body) => body.stream === true,
  translator: ({ id, createdAt }, body) => new CompletionTranslator(id, createdAt, body),
  writer: openaiWriter,
};
