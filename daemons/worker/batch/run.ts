import type { ChosenLogprob, PromptLogprob, StopReason } from "#shared/contracts/events.ts";
import { defined } from "#shared/json.ts";
import {
  Answer,
  type AnswerContext,
  type AnswerSpec,
  type FinishedAnswer,
  type TokenCounts,
} from "../answers/answer.ts";
import { type Emission, Output, type OutputOptions } from "../answers/output.ts";
import type { Chosen, Engine, Odds, Sampling } from "../engine/engine.ts";
import { isMedia } from "../engine/media_tokens.ts";

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
  /** Tokens that end this answer as its end token does. */
  readonly stopTokens?: readonly number[] | undefined;
  /** Reads thoughts and calls; undefined: everything is text. */
  readonly reader?: OutputOptions["reader"];
  /** Most tokens of thoughts, and the tokens that end one; undefined: no limit. */
  readonly thinking?: ThinkingLimit | undefined;
  readonly sampling: Sampling;
  /** Called once when it has ended: its pictures are not needed any more. */
  readonly release?: (() => void) | undefined;
  /** Whether each step of the prompt is reported. */
  readonly promptProgress?: boolean | undefined;
  /** Most probable candidates to report for each token of the prompt; undefined: nothing is reported. */
  readonly promptLogprobs?: number | undefined;
}

/** How thoughts are limited and ended. */
export interface ThinkingLimit {
  /** Most tokens of them; may be Infinity. */
  readonly most: number;
  /** Tokens that close a thought. */
  readonly closing: readonly number[];
  /** Tokens of which each alone opens one: not to be chosen once a thought was closed. */
  readonly opening: readonly number[];
  /** Whether a thought may not end the answer, since a grammar holds what follows it. */
  readonly mustGoOn: boolean;
}

/** A model that opens thoughts again after so many were closed for it has nothing else to say. */
const MAX_CLOSINGS = 8;

/** Dependencies of a {@linkcode Run}. */
export interface RunContext extends AnswerContext {
  readonly engine: Pick<
    Engine,
    "context" | "detokenize" | "controlText" | "partBytes" | "endsGeneration"
  >;
  /** Wakes the step loop: the reader has read, or the run has ended. */
  readonly wake: () => void;
  /** Called once when the run has ended. */
  readonly onEnded: () => void;
}

/**
 * A running attempt of a job. The step loop passes it tokens, and it makes the answer's events. Its
 * sampling is freed when it ends.
 */
export class Run {
  readonly answer: Answer;
  readonly sampling: Sampling;
  /** All tokens to evaluate before the first new one: the prompt and the resumed tokens. */
  readonly tokens: readonly number[];
  readonly #spec: RunSpec;
  readonly #engine: RunContext["engine"];
  readonly #output: Output;
  readonly #limit: number;
  #tokensOut = 0;
  #cached = 0;
  #evaluated = 0;
  #isStarted = false;
  /** Tokens that had been generated when the thought had to end; undefined before. */
  #closedFrom: number | undefined;
  #closings = 0;
  /** Whether the model only thinks, though it may not. */
  #isLost = false;
  /** Mirostat's state after each token that is not sent yet; empty without Mirostat. */
  readonly #mirostatMus: number[] = [];
  /** Of the prompt's tokens from the second on, as far as they are evaluated. */
  readonly #scores: Odds[] = [];

  constructor(spec: RunSpec, context: RunContext) {
    const { engine } = context;
    this.#spec = spec;
    this.#engine = engine;
    this.sampling = spec.sampling;
    this.tokens = [...spec.prompt, ...spec.resume];
    this.#limit = Math.min(spec.maxTokens ?? Infinity, engine.context - spec.prompt.length);
    const { jobId, stops, reader } = spec;
    this.#output = new Output({ decoder: engine, stops, reader, jobId });
    this.answer = new Answer(spec, context, {
      counts: () => this.#counts(),
      onRoom: context.wake,
      onEnded() {
        spec.sampling.dispose();
        spec.release?.();
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
    const { resume, resumeIndex, prompt, thinking } = this.#spec;
    this.#isStarted = true;
    this.answer.start(this.#counts());
    this.#reportPrompt();
    this.sampling.see(prompt.some(isMedia) ? prompt.filter((token) => !isMedia(token)) : prompt);
    if (thinking?.most === 0) this.sampling.forbid(thinking.opening);
    this.#limitThought();
    let events = 0;
    let last: Emission["pieces"] = [];
    for (const token of resume) {
      if (this.#engine.endsGeneration(token)) return this.complete("EOS");
      this.sampling.replay(token);
      this.#tokensOut++;
      last = this.#push(token)?.pieces ?? [];
      events += last.length;
      if (this.#output.isOver) break;
    }
    // Of the pieces of one token, the first were sent and the worker was lost before the others.
    const missing = events - resumeIndex;
    if (missing > 0 && missing < last.length) {
      this.#send({ pieces: last.slice(-missing), ids: [] });
    }
    this.#completeIfOver();
  }

  /** Records how many of {@linkcode tokens} the slot has evaluated. */
  evaluated(count: number, cached = this.#cached): void {
    this.#evaluated = count;
    this.#cached = cached;
    if (this.#isStarted) this.#reportPrompt();
  }

  #reportPrompt(): void {
    if (this.#spec.promptProgress && !this.answer.hasTokens) this.answer.report();
  }

  /**
   * Tokens at the start of {@linkcode tokens} to evaluate by {@linkcode EngineSequence.score}; 0: none. The
   * prompt's last token is not among them: what follows it is generated.
   */
  get scoredTo(): number {
    return this.#spec.promptLogprobs === undefined ? 0 : this.#spec.prompt.length - 1;
  }

  /** Most probable candidates to read with each of those tokens. */
  get scoredCount(): number {
    return this.#spec.promptLogprobs ?? 0;
  }

  /** Adds the scores of the prompt's next tokens. */
  scored(odds: readonly Odds[]): void {
    this.#scores.push(...odds);
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
    if (this.#engine.endsGeneration(token) || this.#spec.stopTokens?.includes(token)) {
      if (this.#spec.thinking?.mustGoOn && this.#output.isThinking) return this.#closeThought();
      return this.complete("EOS");
    }
    this.#tokensOut++;
    const { mirostatMu } = this.sampling;
    if (mirostatMu !== undefined) this.#mirostatMus.push(mirostatMu);
    this.#send(this.#push(token, odds && this.#describe(token, odds)));
    this.#completeIfOver();
  }

  #completeIfOver(): void {
    if (this.#output.isOver) return this.#stopped();
    if (this.#isLost) return this.complete("EOS");
    if (this.#tokensOut >= this.#limit) this.complete("MAX_TOKENS");
  }

  /**
   * Tokens that must follow because the thought has reached its limit, or the model ended in it. They
   * are added by {@linkcode force}.
   */
  get forced(): readonly number[] {
    const { thinking } = this.#spec;
    if (this.ended || !thinking || this.#closedFrom === undefined) return [];
    return thinking.closing.slice(this.#tokensOut - this.#closedFrom);
  }

  /** Adds a token of {@linkcode forced}. */
  force(token: number): void {
    if (this.ended) return;
    this.sampling.replay(token);
    this.accept({ token });
  }

  /** Ends because the model ended, or because the limit is reached. */
  complete(reason: "EOS" | "MAX_TOKENS"): void {
    if (this.ended) return;
    this.#send(this.#output.end(reason === "MAX_TOKENS"));
    const { calls, text } = this.#output;
    this.#end(reason === "EOS" && calls.length > 0 ? "TOOL_CALLS" : reason, { text, calls });
  }

  /** Ends because of a stop string or complete tool calls. */
  #stopped(): void {
    const { calls, text, stop } = this.#output;
    const reason = stop !== undefined ? "STOP_SEQUENCE" : calls.length > 0 ? "TOOL_CALLS" : "EOS";
    this.#end(reason, { text, calls, stop });
  }

  #end(reason: StopReason, finished: FinishedAnswer): void {
    this.answer.end(reason, { ...finished, promptLogprobs: this.#promptLogprobs() });
  }

  /** Undefined if not all were read, as where an answer that goes on has ended already. */
  #promptLogprobs(): PromptLogprob[] | undefined {
    const { prompt, promptLogprobs } = this.#spec;
    if (promptLogprobs === undefined || this.#scores.length < this.scoredTo) return undefined;
    const describe = (token: number) => this.#tokenText(token, this.#engine.controlText(token));
    return prompt.map((token, index) => {
      const odds = this.#scores[index - 1];
      if (!odds) return { ...describe(token), top: [] };
      const top = odds.top.map(({ token, logprob }) => ({ ...describe(token), logprob }));
      return { ...describe(token), logprob: odds.logprob, top };
    });
  }

  #push(token: number, logprob?: ChosenLogprob): Emission | undefined {
    const emission = this.#output.push(token, logprob);
    this.#limitThought();
    return emission;
  }

  /** Finds out whether a thought has had all its tokens, as a function of the tokens so far. */
  #limitThought(): void {
    const { thinking } = this.#spec;
    if (!thinking) return;
    const { isThinking, reasoningTokens } = this.#output;
    const from = this.#closedFrom;
    if (from !== undefined && this.#tokensOut - from < thinking.closing.length) return;
    this.#closedFrom = undefined;
    if (!isThinking || reasoningTokens < thinking.most) return;
    this.#isLost = this.#closings === MAX_CLOSINGS;
    if (!this.#isLost) this.#closeThought();
  }

  /** Lets the tokens follow that close the thought; the model cannot open another with one token. */
  #closeThought(): void {
    const { thinking, reader } = this.#spec;
    this.#closings++;
    this.#closedFrom = this.#tokensOut;
    reader?.closeThought();
    this.sampling.forbid(thinking?.opening ?? []);
  }

  /** Most tokens that are still to come. */
  get left(): number {
    return this.#limit - this.#tokensOut;
  }

  /** Tokens of the prompt and of the answer so far. */
  get length(): number {
    return this.#spec.prompt.length + this.#tokensOut;
  }

  #counts(): TokenCounts {
    const { prompt, resume } = this.#spec;
    return {
      tokensIn: prompt.length,
      tokensCached: Math.min(this.#cached, prompt.length),
      tokensOut: this.#tokensOut,
      reasoning: this.#output.reasoningTokens,
      resumed: resume.length,
      prompt: this.answer.hasTokens
        ? undefined
        : { done: this.#evaluated, total: this.tokens.length },
    };
  }

  #send(emission: Emission | undefined): void {
    if (!emission) return;
    const { pieces, ids } = emission;
    const state = defined({ mirostat_mu: this.#mirostatMus.splice(0, ids.length).at(-1) });
    for (const [index, { text, logprobs, ...part }] of pieces.entries()) {
      if (index === 0) this.answer.text(text, ids, logprobs, { ...part, ...state });
      else this.answer.text(text, [], logprobs, part);
    }
  }

  #describe(id: number, { logprob, top }: NonNullable<Chosen["odds"]>): ChosenLogprob {
    const one = (token: number, logprob: number) => ({ ...this.#tokenText(token), logprob });
    return {
      ...one(id, logprob),
      top: top.map(({ token, logprob }) => one(token, logprob)),
    };
  }

  #tokenText(id: number, t = this.#engine.detokenize([id])) {
    const bytes = t.includes(REPLACEMENT) ? this.#engine.partBytes(id) : undefined;
    return { id, t, ...(bytes ? { bytes: [...bytes] } : {}) };
  }
}
