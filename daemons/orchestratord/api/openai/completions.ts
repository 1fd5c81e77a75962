import {
  type ChosenLogprob,
  type Completion,
  type CompletionChunk,
  type CompletionLogprobs,
  type CompletionRequest,
  eventError,
  promptsOf,
  type StopReason,
  type StoredJobEvent,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { toCompletionLogprobs } from "./logprobs.ts";
import { toTasks } from "./task.ts";
import { Answer, type Translator } from "../translator.ts";

/** What OpenAI generates where a completion does not say how much. */
const DEFAULT_MAX_TOKENS = 16;

const FINISH_REASONS = {
  EOS: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  // Nobody can offer tools to a completion.
  TOOL_CALLS: "stop",
} as const satisfies Record<StopReason, string>;

/** OpenAI's completion request as tasks of ours: the choices of the first prompt, of the second, … */
export function completionTasks(body: CompletionRequest): TaskRequest[] {
  return promptsOf(body.prompt).flatMap((prompt) =>
    toTasks(body, {
      ...(typeof prompt === "string" ? { prompt } : { prompt_tokens: prompt }),
      max_tokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
      logprobs: body.logprobs,
    })
  );
}

/** Makes chunks and the whole answer of a completion. */
export class CompletionTranslator implements Translator<CompletionChunk, Completion> {
  readonly #answer: Answer;
  readonly #texts: string[];
  readonly #logprobs: ChosenLogprob[][] = [];

  constructor(jobId: string, createdAt: number, request: CompletionRequest) {
    const choices = promptsOf(request.prompt).length * (request.n ?? 1);
    this.#answer = new Answer(`cmpl-${jobId}`, createdAt, request, choices);
    this.#texts = Array.from({ length: choices }, () => "");
  }

  take(choice: number, event: StoredJobEvent): CompletionChunk[] {
    switch (event.event) {
      case "queued":
      case "started":
        return [];
      case "token": {
        const { t, logprobs } = event.data;
        const offset = this.#texts[choice]!.length;
        this.#texts[choice] += t;
        if (logprobs) (this.#logprobs[choice] ??= []).push(...logprobs);
        return [this.#chunk(choice, t, null, toCompletionLogprobs(logprobs, offset))];
      }
      case "end": {
        this.#answer.end(choice, event.data);
        const chunk = this.#chunk(choice, "", FINISH_REASONS[event.data.stop_reason]);
        const usage = this.#answer.lastUsage();
        return usage ? [chunk, { ...this.#head(), choices: [], usage }] : [chunk];
      }
      case "error":
        throw eventError(event.data);
    }
  }

  whole(): Completion {
    return {
      ...this.#head(),
      choices: this.#texts.map((text, index) => ({
        index,
        text,
        logprobs: toCompletionLogprobs(this.#logprobs[index], 0),
        finish_reason: FINISH_REASONS[this.#answer.endOf(index).stop_reason],
      })),
      usage: this.#answer.usage(),
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
      ...this.#answer.noUsage,
    };
  }

  #head() {
    return { ...this.#answer.head, object: "text_completion" as const };
  }
}
