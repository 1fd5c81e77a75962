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

/** One attempt of a job, accepted and ready to run. */
export interface RunSpec extends AnswerSpec {
  readonly prompt: readonly number[];
  /** Tokens that earlier attempts delivered. */
  readonly resume: readonly number[];
  /** Most tokens to generate, those resumed included; undefined: as many as the context takes. */
  readonly maxTokens: number | undefined;
  readonly stops: readonly string[];
  /** Calls to look for in the text; undefined where there are no tools. */
  readonly watch: CallWatch | undefined;
  readonly sampling: Sampling;
}

/** Dependencies of a {@linkcode Run}. */
export interface RunContext extends AnswerContext {
  readonly engine: Pick<Engine, "context" | "detokenize" | "endsGeneration">;
  /** The step loop should look again: there is room, or the run has ended. */
  readonly wake: () => void;
  /** Called once when the run has ended. */
  readonly onEnded: () => void;
}

/** One attempt of a job whose tokens the step loop hands in; they become the events of its answer. */
export class Run {
  readonly answer: Answer;
  readonly sampling: Sampling;
  /** Everything to evaluate before the first new token. */
  readonly tokens: readonly number[];
  readonly #spec: RunSpec;
  readonly #engine: RunContext["engine"];
  readonly #gate: TextGate;
  readonly #limit: number;
  /** Of the tokens that the gate holds, in their order. */
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

  /** Whether nothing is left to do: its slot may go to another. */
  get ended(): boolean {
    return this.answer.ended;
  }

  /** The slot is there. Replays what earlier attempts delivered, which may already be all. */
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

  /** Notes how much of {@linkcode tokens} the slot holds evaluated. */
  evaluated(count: number, cached = this.#cached): void {
    this.#evaluated = count;
    this.#cached = cached;
  }

  /** Takes the next token of the generation. */
  accept({ token, odds }: Chosen): void {
    if (this.ended || !this.#isStarted) return;
    if (!this.answer.hasTokens) {
      // Who counts tokens learns how many were read, also where nothing else comes.
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

  /** Ends well: the model ended, or there is no room for more. */
  complete(reason: "EOS" | "MAX_TOKENS"): void {
    if (this.ended) return;
    this.#sendText(this.#gate.flush(reason === "MAX_TOKENS"));
    const { calls } = this.#gate;
    this.answer.end(reason === "EOS" && calls.length > 0 ? "TOOL_CALLS" : reason, toolCalls(calls));
  }

  /** The gate let the last of the text through. */
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
    const text = (token: number) => this.#engine.detokenize([token]);
    return {
      id,
      t: text(id),
      logprob,
      top: top.map(({ token, logprob }) => ({ id: token, t: text(token), logprob })),
    };
  }
}
