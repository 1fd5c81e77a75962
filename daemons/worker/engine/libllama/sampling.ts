import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { AnswerHold, Chosen, Sampling, SamplingRequest } from "../engine.ts";
import { seedAt } from "../seed.ts";
import { addressOf } from "./c/c_values.ts";
import { type ChainSettings, createChain } from "./chain.ts";
import { acceptIfAllowed } from "./thread/chooser.ts";
import { isFromShortlist } from "./from_shortlist.ts";
import type { Compiled, Grammars } from "./grammars.ts";
import type { Llama } from "./c/library.ts";
import type { Choice, ChooseOrder } from "./thread/messages.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Number of last tokens that the penalties apply to, as in llama.cpp. */
const PENALTY_WINDOW = 64;
/** A bias of this much or less forbids the token. */
const FORBIDDEN = -100;

/** Options of {@linkcode LibllamaSampling}. */
export interface SamplingParts {
  readonly llama: Llama;
  readonly vocabulary: Vocabulary;
  readonly request: SamplingRequest;
  readonly seed: number;
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
  readonly #penalizes: boolean;
  #chain: Deno.PointerValue;
  #isFromShortlist = false;
  /** The state of the grammar that holds now. */
  #grammar: Deno.PointerValue = null;
  /** Whether it holds a call that the model need not make: it is given up where it cannot hold. */
  #isLazy = false;
  /** Where the call begins that is being written, held or not. */
  #callStart: number | undefined;
  /** Tokens that llama.cpp chooses only if it has no other. */
  #forbidden: ReadonlySet<number>;
  /** Those among them that the request does not name. */
  #alsoForbidden: readonly number[] = [];
  #recent: number[] = [];
  #position = 0;
  /** Steps that use it. */
  #uses = 0;
  #isDisposed = false;

  constructor(parts: SamplingParts) {
    const { request, grammars, hold } = parts;
    this.#parts = parts;
    this.adapter = parts.adapter;
    this.unheld = grammars.unheld;
    this.#penalizes = request.repetition_penalty !== 1 || request.frequency_penalty !== 0 ||
      request.presence_penalty !== 0;
    this.#owned = new Owned(parts.free);
    for (const compiled of [grammars.first, grammars.afterThought, grammars.calls]) {
      if (compiled) this.#owned.add(compiled.pointer);
    }
    LOST.register(this, this.#owned);
    this.#forbidden = forbiddenBy(request.logit_bias ?? {});
    this.#chain = this.#createChain();
    if (!(hold?.waits && hold.watch.isThinking)) this.#hold(grammars.first);
  }

  /** Whether the watch decides after each token which grammar holds. */
  get follows(): boolean {
    return this.#parts.hold !== undefined;
  }

  /** Whether a token ends a generation. */
  ends(token: number): boolean {
    return this.#parts.vocabulary.endsGeneration(token);
  }

  see(prompt: readonly number[]): void {
    this.#requireUsable();
    if (!this.#penalizes) return;
    this.#recent = prompt.slice(-PENALTY_WINDOW);
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
    if (this.#penalizes) llama.llama_sampler_accept(this.#chain, token);
    this.#remember(token);
  }

  forbid(tokens: readonly number[]): void {
    this.#requireUsable();
    if (tokens.length === 0) return;
    this.#alsoForbidden = tokens;
    this.#forbidden = forbiddenBy({
      ...this.#parts.request.logit_bias,
      ...Object.fromEntries(tokens.map((token) => [token, FORBIDDEN])),
    });
    this.#renewChain();
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
    const { request, seed } = this.#parts;
    const { logprobs, post_sampling_probs: isPostSampling = false } = request;
    return {
      chain: addressOf(this.#chain),
      seeds: request.temperature > 0
        ? Array.from({ length: guessed.length + 1 }, (_, n) => seedAt(seed, this.#position + n))
        : undefined,
      fromShortlist: this.#isFromShortlist,
      remembers: this.#penalizes,
      grammar: addressOf(this.#grammar),
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
    const { token, odds } = choice;
    if (this.#forbidden.has(token)) throw this.#noToken(token);
    if (!this.ends(token)) this.#remember(token);
    // Where the answer must go on, its end is left out, as for a worker that goes on with it.
    else if (this.#penalizes) this.#renewChain();
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

  #createChain(): Deno.PointerValue {
    const { llama, vocabulary, request, grammars } = this.#parts;
    const biases = new Map(
      Object.entries(request.logit_bias ?? {})
        .map(([token, bias]) => [Number(token), bias <= FORBIDDEN ? -Infinity : bias]),
    );
    for (const token of this.#alsoForbidden) biases.set(token, -Infinity);
    const settings: ChainSettings = {
      biases: [...biases],
      penalties: this.#penalizes
        ? {
          window: PENALTY_WINDOW,
          repetition: request.repetition_penalty,
          frequency: request.frequency_penalty,
          presence: request.presence_penalty,
        }
        : undefined,
      draw: request.temperature > 0
        ? {
          topK: request.top_k,
          topP: request.top_p,
          minP: request.min_p,
          temperature: request.temperature,
        }
        : undefined,
    };
    const isHeld = this.follows || grammars.first !== undefined;
    this.#isFromShortlist = isFromShortlist(settings, { isHeld, request });
    const chain = createChain(llama, vocabulary, settings);
    this.#owned.add(chain);
    return chain;
  }

  /** Replaces the chain by one that knows the last tokens. */
  #renewChain(): void {
    const old = this.#chain;
    this.#chain = this.#createChain();
    this.#owned.release(old);
    if (!this.#penalizes) return;
    for (const token of this.#recent) this.#parts.llama.llama_sampler_accept(this.#chain, token);
  }

  #noToken(forbidden?: number): LlorchError {
    const cause = forbidden === undefined
      ? undefined
      : new Error(`llama.cpp chose the forbidden token ${forbidden}`);
    const message = this.#grammar
      ? "The grammar leaves no token to choose: logit_bias forbids it, or the model has none for it"
      : `logit_bias leaves no token to choose: it forbids ${this.#forbidden.size}`;
    return new LlorchError("INVALID_REQUEST", message, { cause });
  }

  #remember(token: number): void {
    this.#position++;
    this.#follow(token);
    if (!this.#penalizes) return;
    this.#recent.push(token);
    if (this.#recent.length > PENALTY_WINDOW) this.#recent.shift();
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

function forbiddenBy(biases: Readonly<Record<string, number>>): ReadonlySet<number> {
  const forbidden = Object.entries(biases).filter(([, bias]) => bias <= FORBIDDEN);
  return new Set(forbidden.map(([token]) => Number(token)));
}
