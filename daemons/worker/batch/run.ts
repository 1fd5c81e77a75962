import type { ChosenLogprob } from "#shared/contracts/events.ts";
import {
  Answer,
  type AnswerContext,
  type AnswerSpec,
  type TokenCounts,
} from "../answers/answer.ts";
import { type Release, TextGate } from "../answers/text_gate.ts";
import { type CallWatch, toolCalls } from "../answers/tool_calls.ts";
import type { Chosen, Engine, Sampling } from "../engine/engine.ts";

const REPLACEMENT = "\ufffd";

/** An accepted attempt of a job. */
export interface RunSpec extends AnswerSpec {
  readonly prompt: readonly number[];
  /** Tokens that earlier attempts delivered. */
  readonly resume: readonly number[];
  /**
   * Most tokens to generate, including resumed ones; undefined: as many as fit into the context.
   */
  readonly maxTokens: number | undefined;
  readonly stops: readonly string[];
  /** Calls to look for in the text; undefined without tools. */
  readonly watch: CallWatch | undefined;
  readonly sampling: Sampling;
}

/** Dependencies of a {@linkcode Run}. */
export interface RunContext extends AnswerContext {
  readonly engine: Pick<Engine, "context" | "detokenize" | "partBytes" | "endsGeneration">;
  /** Wakes the step loop: the reader has read, or the run has ended. */
  readonly wake: () => void;
  /** Called once when the run has ended. */
  readonly onEnded: () => void;
}

/** A running attempt of a job. The step loop passes it tokens, and it makes the answer's events. */
export class Run {
  readonly answer: Answer;
  readonly sampling: Sampling;
  /** All tokens to evaluate before the first new one: the prompt and the resumed tokens. */
  readonly tokens: readonly number[];
  readonly #spec: RunSpec;
  readonly #engine: RunContext["engine"];
  readonly #gate: TextGate;
  readonly #limit: number;
  /** Logprobs of the tokens that the gate holds, in their order. */
  readonly #logprobs: ChosenLogprob[] = [];
  #tokensOut = 0;
  #cached = 0;
  #evaluated = 0;
  #isStarted = false;

  constructor(spec: RunSpec, context: RunContext) {
    const { engine } = context;
    this.#spec = spec;
    this.#engine = engine;
    this.sampling = spec.sampling;
    this.tokens = [...spec.prompt, ...spec.resume];
    this.#limit = Math.min(spec.maxTokens ?? Infinity, engine.context - spec.prompt.length);
    this.#gate = new TextGate((ids) => engine.detokenize(ids), spec.stops, spec.watch);
    this.answer = new Answer(spec, context, {
      counts: () => this.#counts(),
      onRoom: context.wake,
      onEnded() {
        context.onEnded();
        context.wake();
      },
    });
  }

  /** Whether it has ended, so that its slot is free. */
  get ended(): boolean {
    return this.answer.ended;
  }

  /** Begins in a slot. Replays the tokens of earlier attempts, which may already end the run. */
  start(): void {
    const { resume, prompt } = this.#spec;
    this.#isStarted = true;
    this.answer.start();
    this.sampling.see(prompt);
    for (const token of resume) {
      if (this.#engine.endsGeneration(token)) return this.complete("EOS");
      this.sampling.replay(token);
      this.#tokensOut++;
      if (this.#gate.replay(token)) return this.#stopped();
    }
    if (this.#tokensOut >= this.#limit) this.complete("MAX_TOKENS");
  }

  /** Records how many of {@linkcode tokens} the slot has evaluated. */
  evaluated(count: number, cached = this.#cached): void {
    this.#evaluated = count;
    this.#cached = cached;
  }

  /** Adds the next generated token. */
  accept({ token, odds }: Chosen): void {
    if (this.ended || !this.#isStarted) return;
    if (!this.answer.hasTokens) {
      // The reader learns how many tokens were evaluated, even if no other metrics event follows.
      this.#evaluated = this.tokens.length;
      this.answer.report();
    }
    this.answer.sawTokens(1);
    if (this.#engine.endsGeneration(token)) return this.complete("EOS");

    this.#tokensOut++;
    if (odds) this.#logprobs.push(this.#describe(token, odds));
    const { release, stopped } = this.#gate.push(token);
    this.#sendText(release);
    if (stopped) return this.#stopped();
    if (this.#tokensOut >= this.#limit) this.complete("MAX_TOKENS");
  }

  /** Ends because the model ended, or because the limit is reached. */
  complete(reason: "EOS" | "MAX_TOKENS"): void {
    if (this.ended) return;
    this.#sendText(this.#gate.flush(reason === "MAX_TOKENS"));
    const { calls } = this.#gate;
    this.answer.end(reason === "EOS" && calls.length > 0 ? "TOOL_CALLS" : reason, toolCalls(calls));
  }

  /** Ends because of a stop string or complete tool calls. */
  #stopped(): void {
    const { calls } = this.#gate;
    this.answer.end(calls.length > 0 ? "TOOL_CALLS" : "STOP_SEQUENCE", toolCalls(calls));
  }

  #counts(): TokenCounts {
    const { prompt, resume } = this.#spec;
    return {
      tokensIn: prompt.length,
      tokensCached: Math.min(this.#cached, prompt.length),
      tokensOut: this.#tokensOut,
      resumed: resume.length,
      prompt: this.answer.hasTokens
        ? undefined
        : { done: this.#evaluated, total: this.tokens.length },
    };
  }

  #sendText(release: Release | undefined): void {
    if (!release) return;
    const logprobs = this.#logprobs.splice(0, release.ids.length);
    this.answer.text(release.text, release.ids, logprobs);
  }

  #describe(id: number, { logprob, top }: NonNullable<Chosen["odds"]>): ChosenLogprob {
    const one = (token: number, logprob: number) => {
      const t = this.#engine.detokenize([token]);
      const bytes = t.includes(REPLACEMENT) ? this.#engine.partBytes(token) : undefined;
      return { id: token, t, ...(bytes ? { bytes: [...bytes] } : {}), logprob };
    };
    return {
      ...one(id, logprob),
      top: top.map(({ token, logprob }) => one(token, logprob)),
    };
  }
}
