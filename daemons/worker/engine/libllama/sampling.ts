import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { AnswerHold, Chosen, Sampling, SamplingRequest } from "../engine.ts";
import { seedAt } from "../seed.ts";
import { addressOf } from "./c/c_values.ts";
import { createChain } from "./chain.ts";
import type { SamplingPlan } from "./sampling_plan.ts";
import { firstMu } from "./thread/mirostat.ts";
import { acceptIfAllowed } from "./thread/chooser.ts";
import { isFromShortlist } from "./from_shortlist.ts";
import { rankingOf } from "./needed_candidates.ts";
import type { Ranking } from "./thread/ranking.ts";
import type { Compiled, Grammars } from "./grammars.ts";
import type { Llama } from "./c/library.ts";
import type { Choice, ChooseOrder } from "./thread/messages.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A bias of this much or less forbids the token. */
const FORBIDDEN = -100;

/** Options of {@linkcode LibllamaSampling}. */
export interface SamplingParts {
  readonly llama: Llama;
  readonly vocabulary: Vocabulary;
  readonly request: SamplingRequest;
  readonly seed: number;
  readonly plan: SamplingPlan;
  /** A DRY sampler that has seen no token; it becomes the sampling's own. */
  readonly dry?: Deno.PointerValue;
  readonly grammars: Grammars;
  /** Tells which of them holds; undefined: always the first. */
  readonly hold: Pick<AnswerHold, "watch" | "waits"> | undefined;
  /** Pointer of the adapter that the request names; 0: none. */
  readonly adapter: number;
  /** Frees samplers once no step uses them any more. */
  readonly free: (samplers: readonly number[]) => void;
}

/**
 * The sampling of one request. It owns a chain of samplers and the states of grammars. They are changed
 * here between two steps, and by llama.cpp's thread during a step, so never by both.
 */
export class LibllamaSampling implements Sampling {
  /** Pointer of the adapter with which the request's tokens are computed; 0: none. */
  readonly adapter: number;
  readonly unheld: readonly string[];
  readonly #parts: SamplingParts;
  readonly #owned: Owned;
  /** Tokens that end only this answer. */
  readonly #stops: readonly number[];
  #chain: Deno.PointerValue;
  #isFromShortlist = false;
  #ranking: Ranking | undefined;
  /** What comes after XTC. */
  #after: Deno.PointerValue = null;
  #mirostatMu: number | undefined;
  /** The state of the grammar that holds now. */
  #grammar: Deno.PointerValue = null;
  /** Whether it holds a call that the model need not make: it is given up where it cannot hold. */
  #isLazy = false;
  /** Where the call begins that is being written, held or not. */
  #callStart: number | undefined;
  /** Tokens that llama.cpp chooses only if it has no other. */
  #forbidden: ReadonlySet<number>;
  /** Those of {@linkcode forbid}. */
  #forbiddenLater: readonly number[] = [];
  #recent: number[] = [];
  #position = 0;
  /** Steps that use it. */
  #uses = 0;
  #isDisposed = false;

  constructor(parts: SamplingParts) {
    const { request, grammars, hold, plan, dry } = parts;
    this.#parts = parts;
    this.adapter = parts.adapter;
    this.unheld = grammars.unheld;
    this.#stops = request.stop_token_ids ?? [];
    if (plan.mirostat) this.#mirostatMu = request.resume_mirostat_mu ?? firstMu(plan.mirostat);
    this.#owned = new Owned(parts.free);
    if (dry) this.#owned.add(dry);
    for (const compiled of [grammars.first, grammars.afterThought, grammars.calls]) {
      if (compiled) this.#owned.add(compiled.pointer);
    }
    LOST.register(this, this.#owned);
    this.#forbidden = this.#allForbidden();
    this.#chain = this.#createChain(true);
    this.#after = this.#createAfter();
    if (!(hold?.waits && hold.watch.isThinking)) this.#hold(grammars.first);
  }

  /** Whether it is decided after each token what holds the next: a grammar, or tokens that may not come yet. */
  get follows(): boolean {
    return this.#parts.hold !== undefined || this.#isEarly;
  }

  /** Whether a token ends a generation. */
  ends(token: number): boolean {
    return this.#parts.vocabulary.endsGeneration(token) || this.#stops.includes(token);
  }

  get mirostatMu(): number | undefined {
    return this.#mirostatMu;
  }

  /** Whether the answer may not end yet. */
  get #isEarly(): boolean {
    return this.#position < (this.#parts.request.min_tokens ?? 0);
  }

  get #window(): number {
    return this.#parts.plan.window;
  }

  see(prompt: readonly number[]): void {
    this.#requireUsable();
    if (this.#window === 0) return;
    this.#recent = prompt.slice(-this.#window);
    this.#renewChain();
  }

  replay(token: number): void {
    this.#requireUsable();
    const { llama } = this.#parts;
    if (this.#grammar && !acceptIfAllowed(llama, this.#grammar, token)) {
      if (!this.#isLazy) {
        throw invalidRequest([{
          field: "resume_tokens",
          message: `the grammar does not allow token ${token}`,
        }]);
      }
      this.#giveUp();
    }
    if (this.#window > 0) this.#accept(token);
    this.#remember(token);
  }

  forbid(tokens: readonly number[]): void {
    this.#requireUsable();
    if (tokens.length === 0) return;
    this.#forbiddenLater = tokens;
    this.#renewChain();
  }

  /** Leaves out what llama.cpp chose in this step after the last token that was taken. */
  drop(): void {
    if (this.#window > 0 && !this.#isDisposed) this.#renewChain();
  }

  dispose(): void {
    this.#isDisposed = true;
    if (this.#uses === 0) this.#owned.releaseAll();
  }

  /**
   * Keeps what llama.cpp has of it for the time of a step, in which its run may end.
   *
   * @throws {Error} after {@linkcode dispose}
   */
  use(): Disposable {
    this.#requireUsable();
    this.#uses++;
    return {
      [Symbol.dispose]: () => {
        this.#uses--;
        if (this.#isDisposed && this.#uses === 0) this.#owned.releaseAll();
      },
    };
  }

  /** What is to be chosen in a step that {@linkcode use}s it. */
  order(guessed: readonly number[]): ChooseOrder {
    const { request, seed, plan: { xtc, draws, mirostat } } = this.#parts;
    const { logprobs, post_sampling_probs: isPostSampling = false } = request;
    return {
      chain: addressOf(this.#chain),
      fromShortlist: this.#isFromShortlist,
      xtc,
      after: addressOf(this.#after),
      seeds: Array.from(
        { length: guessed.length + 1 },
        (_, n) => seedAt(seed, this.#position + n),
      ),
      draws,
      mirostat: mirostat && { ...mirostat, mu: this.#mirostatMu! },
      stops: this.#stops,
      remembers: this.#window > 0,
      grammar: addressOf(this.#grammar),
      ranking: isPostSampling ? undefined : this.#ranking,
      isLazy: this.#isLazy,
      guessed,
      odds: logprobs,
      isPostSampling,
    };
  }

  /**
   * Takes over what was chosen.
   *
   * @throws {LlorchError} `INVALID_REQUEST` if the grammar or the biases leave no token to choose,
   * `WORKER_LOST` if the model itself gives none
   */
  take(choice: Choice): Chosen {
    if ("none" in choice) throw choice.none === "grammar" ? this.#noToken() : damaged();
    if (choice.gaveUp) this.#giveUp();
    const { token, odds, mirostatMu } = choice;
    if (this.#forbidden.has(token)) throw this.#noToken(token);
    if (!this.ends(token)) {
      this.#mirostatMu = mirostatMu ?? this.#mirostatMu;
      this.#remember(token);
    } // Where the answer must go on, its end is left out, as for a worker that goes on with it.
    else if (this.#window > 0) this.#renewChain();
    return odds ? { token, odds } : { token };
  }

  /** llama.cpp would read memory that has been freed. */
  #requireUsable(): void {
    if (this.#isDisposed) throw new Error("The sampling has been disposed of");
  }

  #hold(compiled: Compiled | undefined): void {
    this.#giveUp();
    if (!compiled) return;
    const state = this.#parts.llama.llama_sampler_clone(compiled.pointer);
    this.#owned.add(state);
    this.#grammar = state;
  }

  /** Nothing holds what follows. */
  #giveUp(): void {
    if (this.#grammar) this.#owned.release(this.#grammar);
    this.#grammar = null;
    this.#isLazy = false;
  }

  /** Changes the grammar where a thought or a call begins or ends. */
  #follow(token: number): void {
    const { hold, grammars } = this.#parts;
    if (!hold) return;
    const { watch, waits } = hold;
    const wasThinking = watch.isThinking;
    watch.push(token);
    if (waits && watch.isThinking) this.#giveUp();
    else if (waits && wasThinking) this.#hold(grammars.afterThought);
    if (grammars.calls) this.#followCall(watch, grammars.calls);
  }

  #followCall(watch: AnswerHold["watch"], calls: Compiled): void {
    if (watch.callStart === this.#callStart) return;
    this.#callStart = watch.callStart;
    if (watch.callStart === undefined) return this.#giveUp();
    this.#hold(calls);
    const { llama } = this.#parts;
    const isHeld = watch.callTokens()
      .every((token) => acceptIfAllowed(llama, this.#grammar, token));
    // Otherwise it is written in a way that is not held.
    if (isHeld) this.#isLazy = true;
    else this.#giveUp();
  }

  #accept(token: number): void {
    const { llama } = this.#parts;
    llama.llama_sampler_accept(this.#chain, token);
    if (this.#after) llama.llama_sampler_accept(this.#after, token);
  }

  /** Tokens that may not be chosen now, beside those of logit_bias. */
  #alsoForbidden(): readonly number[] {
    const { request, vocabulary, grammars } = this.#parts;
    // llama.cpp takes the text of these for text, which the answer would lack.
    const hidden = grammars.isText ? vocabulary.hidden : [];
    const ends = request.ignore_eos || this.#isEarly ? vocabulary.ends : [];
    return [...this.#forbiddenLater, ...hidden, ...ends, ...this.#isEarly ? this.#stops : []];
  }

  #allForbidden(): ReadonlySet<number> {
    const { logit_bias = {} } = this.#parts.request;
    const named = Object.entries(logit_bias).filter(([, bias]) => bias <= FORBIDDEN);
    return new Set([...named.map(([token]) => Number(token)), ...this.#alsoForbidden()]);
  }

  #createAfter(): Deno.PointerValue {
    return this.#parts.plan.after.length > 0 ? this.#createChain(false) : null;
  }

  /** @param isFirst Whether it is what comes before XTC. */
  #createChain(isFirst: boolean): Deno.PointerValue {
    const { llama, vocabulary, plan, dry = null, grammars, request } = this.#parts;
    const biases = isFirst ? this.#biases() : [];
    const parts = isFirst ? plan.before : plan.after;
    if (isFirst) {
      const isHeld = this.follows || grammars.first !== undefined;
      this.#ranking = rankingOf(plan, biases.length > 0);
      this.#isFromShortlist = isFromShortlist(plan, { biases, isHeld, request });
    }
    const chain = createChain(llama, vocabulary, { biases, parts, dry });
    this.#owned.add(chain);
    return chain;
  }

  #biases(): [token: number, bias: number][] {
    const { request } = this.#parts;
    const biases = new Map(
      Object.entries(request.logit_bias ?? {})
        .map(([token, bias]) => [Number(token), bias <= FORBIDDEN ? -Infinity : bias]),
    );
    for (const token of this.#alsoForbidden()) biases.set(token, -Infinity);
    return [...biases];
  }

  /** Replaces the chain by one that knows the last tokens, and what may not be chosen now. */
  #renewChain(): void {
    const old = [this.#chain, this.#after];
    this.#forbidden = this.#allForbidden();
    this.#chain = this.#createChain(true);
    this.#after = this.#createAfter();
    for (const chain of old) if (chain) this.#owned.release(chain);
    if (this.#window === 0) return;
    for (const token of this.#recent) this.#accept(token);
  }

  #noToken(forbidden?: number): LlorchError {
    const cause = forbidden === undefined
      ? undefined
      : new Error(`llama.cpp chose the forbidden token ${forbidden}`);
    const message = this.#grammar
      ? "The grammar leaves no token to choose: logit_bias, ignore_eos or min_tokens forbids it, " +
        "or the model has none for it"
      : `logit_bias leaves no token to choose: it forbids ${this.#forbidden.size}`;
    return new LlorchError("INVALID_REQUEST", message, { cause });
  }

  #remember(token: number): void {
    const wasEarly = this.#isEarly;
    this.#position++;
    this.#follow(token);
    if (this.#window > 0) this.#recent.push(token);
    if (this.#recent.length > this.#window) this.#recent.shift();
    if (wasEarly && !this.#isEarly) this.#renewChain();
  }
}

/** Samplers and grammars that are freed once, by whatever comes first. */
class Owned {
  readonly #free: (samplers: readonly number[]) => void;
  readonly #addresses = new Set<number>();

  constructor(free: (samplers: readonly number[]) => void) {
    this.#free = free;
  }

  add(pointer: Deno.PointerValue): void {
    this.#addresses.add(addressOf(pointer));
  }

  release(pointer: Deno.PointerValue): void {
    const address = addressOf(pointer);
    if (this.#addresses.delete(address)) this.#free([address]);
  }

  releaseAll(): void {
    const all = [...this.#addresses];
    this.#addresses.clear();
    if (all.length > 0) this.#free(all);
  }
}

/** Frees what a sampling had that was never disposed of. */
const LOST = new FinalizationRegistry<Owned>((owned) => owned.releaseAll());

function damaged(): LlorchError {
  return new LlorchError(
    "WORKER_LOST",
    "The model computes no numbers to choose a token by: its file is damaged or was written over",
  );
}
