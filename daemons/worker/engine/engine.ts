import type { ExecuteRequest, TextMessage } from "#shared/contracts/request.ts";
import type { SamplingOption } from "#shared/contracts/sampling.ts";
import type { LlamaSettings } from "#shared/config/llama.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import type { Capability } from "#shared/contracts/pool.ts";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import type { ModelMemory } from "#shared/models/estimate.ts";
import type { Beginnings } from "../chat/beginnings.ts";
import type { ChatPrompt } from "../chat/chat_template.ts";
import type { MessageStyle } from "../chat/message_style.ts";
import type { TokensSeen } from "../chat/tokenizer.ts";
import type { CallSyntax } from "../chat/syntax.ts";

/** How a plain prompt is tokenized. */
export interface TokenizeOptions {
  /** Whether the text of control tokens becomes those tokens; by default it stays text. */
  readonly special?: boolean;
  /** Whether the model's begin token comes first, if it has one. Default: true. */
  readonly begins?: boolean;
  readonly seen?: TokensSeen;
}

/** A chat as a request has it. */
export interface Chat {
  readonly messages: readonly TextMessage[];
  /** The tools that the model may call. */
  readonly tools: readonly Tool[];
  readonly effort?: ExecuteRequest["reasoning_effort"];
  /** Variables of the template; they override those that `effort` sets. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the last message is continued; default: if it is the assistant's. */
  readonly continueFinal?: boolean | undefined;
  /** Tokens that stand for what messages have in the place of pictures and sound. */
  readonly media?: ReadonlyMap<string, readonly number[]> | undefined;
}

/** Files of pictures that a model sees, and of sound that it hears. */
export interface EngineMedia {
  /**
   * Takes a picture for a prompt.
   *
   * @throws {BadMedia}
   */
  image(file: Uint8Array<ArrayBuffer>): Promise<TakenMedium>;
  /**
   * Takes sound for a prompt.
   *
   * @throws {BadMedia}
   */
  sound(file: Uint8Array<ArrayBuffer>): Promise<TakenMedium>;
}

/** A picture or sound that a request uses until it releases it. */
export interface TakenMedium {
  /** Tokens that stand for it in a prompt. Negative ones are no tokens of the vocabulary. */
  readonly tokens: readonly number[];
  /** To be called once. */
  release(): void;
}

/** A gap in a text. What people wrote around it stays text, also where it looks like a token. */
export interface Gap {
  readonly prefix: string;
  readonly suffix: string;
  /** Other files of the project, the most relevant last; undefined: the text stands alone. */
  readonly files?: readonly { readonly filename: string; readonly text: string }[] | undefined;
  /** Tokens for which there should be room after the prompt: the files are cut for it. */
  readonly room: number;
}

/** Most tokens in one step, unless configured otherwise. */
export const DEFAULT_BATCH = 512;

/** Options of {@linkcode LoadEngine}. */
export interface EngineOptions {
  /** Path of the model's file. */
  readonly model: string;
  /**
   * Numbers of GPUs that hold it together (`0`, `0,1`), or `none` for the CPU; undefined: the first device
   * of the build's backend.
   */
  readonly gpu: string | undefined;
  /** Layers on the GPUs; `fit`: as many as fit; undefined: all. */
  readonly gpuLayers: number | "fit" | undefined;
  /** Reads the figures of the model's memory, with those of its settings. */
  readonly memory: () => Promise<ModelMemory>;
  /** Tokens per slot; undefined: a default that fits the model. */
  readonly context: number | undefined;
  readonly slots: number;
  /** CPU threads; `auto` measures some numbers. */
  readonly threads: number | "auto";
  readonly settings: LlamaSettings;
  /** Path of the projector with which it sees or hears; undefined: it reads only text. */
  readonly projector: string | undefined;
  /** Whether the projector is on the GPU, if the model is. */
  readonly projectorOnGpu: boolean;
  /** A chat template in place of the model's own. */
  readonly chatTemplate: string | undefined;
  /** Paths of the adapters that requests may name. */
  readonly adapters: ReadonlyMap<string, string>;
  /** Called with 0 to 1 while the weights are read. */
  readonly onProgress: (fraction: number) => void;
  /** Called with warnings of the library. */
  readonly onWarning: (message: string) => void;
  /**
   * Called if the library ends the process while it loads; an {@linkcode UnusableModelError} if the file is
   * the cause.
   *
   * @returns the exit code
   */
  readonly onCrash: (error: Error) => number;
  /** Stops the load. */
  readonly signal: AbortSignal;
}

/**
 * A request keeps the engine busy with a computation that cannot be stopped, so that it can compute
 * nothing else. The request itself ends with this error; other requests can continue in another
 * worker.
 */
export class EngineStuck extends LlorchError {
  constructor(message: string) {
    super("INVALID_REQUEST", message);
  }
}

/** Loads a model. Throws an error whose message says what to do. */
export type LoadEngine = (options: EngineOptions) => Promise<Engine>;

/** A loaded model that generates tokens; it knows nothing of HTTP, jobs or streams. */
export interface Engine {
  /** `cpu`, `cuda`, `vulkan` or `metal`. */
  readonly backend: string;
  /** Tokens per slot: prompt and reply together. */
  readonly context: number;
  /** CPU threads that compute: the requested number, or the one that was measured to be best. */
  readonly threads: number;
  /** Number of tokens: their ids are from 0 to one less. */
  readonly vocabularySize: number;
  /** One per slot; none for a model that does not generate. */
  readonly sequences: readonly EngineSequence[];
  /** Tokenizes a plain prompt. It yields to the event loop while it reads a long one. */
  tokenize(text: string, options?: TokenizeOptions): Promise<number[]>;
  /**
   * Tokenizes what surrounds a gap that the model is to fill.
   *
   * @throws {LlorchError} `INVALID_REQUEST` if the model has no tokens for that
   */
  tokenizeGap(gap: Gap, seen?: TokensSeen): Promise<number[]>;
  /**
   * Tokenizes a chat with the model's own template, including descriptions of the tools. What people
   * and tools wrote never becomes a control token.
   *
   * @throws {LlorchError} `INVALID_REQUEST` if the model has no template or it refuses the messages
   */
  tokenizeChat(chat: Chat, seen?: TokensSeen): Promise<ChatPrompt>;
  /** Tokenizes marks of the model's own syntax, without a beginning token. */
  tokenizeMarks(text: string): Promise<number[]>;
  /** The text of a control token, which {@linkcode detokenize} leaves out; undefined for others. */
  controlText(token: number): string | undefined;
  /** The text of tokens; U+FFFD at its end may be a character that is not complete yet. */
  detokenize(tokens: readonly number[]): string;
  /** The bytes of a token that is only a part of a character; undefined if they are unknown. */
  partBytes(token: number): readonly number[] | undefined;
  /** Whether the token ends a generation. */
  endsGeneration(token: number): boolean;
  /**
   * Prepares the sampling of one request.
   *
   * @param hold Undefined: its grammar holds from the first token on, and it makes no calls.
   * @param begun Undefined: the request's grammar holds the answer from its beginning on.
   * @throws {LlorchError} `INVALID_REQUEST` that names the wrong field
   */
  createSampling(
    request: SamplingRequest,
    seed: number,
    hold?: AnswerHold,
    begun?: BegunAnswer,
  ): Promise<Sampling>;
  /** What the model's file says of its chats. */
  readonly template: TemplateReply;
  /** What an operator should know of the model: that chats fail, or are not as it learnt them. */
  readonly warning?: string | undefined;
  /** Reads pictures and sound; undefined: it reads only text. */
  readonly media?: EngineMedia | undefined;
  /** Why it reads only text, where it was to read more. */
  readonly blindness?: string | undefined;
  /** What the model can do. */
  readonly capabilities: readonly Capability[];
  /**
   * The vector of a text, of length 1. Only with the capability `embed`.
   *
   * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
   */
  embed(input: string | readonly number[]): Promise<{ vector: Float32Array; tokens: number }>;
  /**
   * How well a document answers a query, from 0 to 1. Only with the capability `rerank`.
   *
   * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
   */
  rank(query: string, document: string): Promise<{ score: number; tokens: number }>;
  /** Memory of the process and on its device, in bytes. */
  memoryBytes(): number;
  /** Makes what it computes fail as soon as it can. It computes nothing from then on. */
  stop(): void;
  /** Stops, and frees all that it has. Never resolves if a computation cannot be stopped. */
  dispose(): Promise<void>;
}

/** The fields of a request for sampling. */
export type SamplingRequest = Pick<
  ExecuteRequest,
  | "temperature"
  | "top_p"
  | "top_k"
  | "min_p"
  | "repetition_penalty"
  | "frequency_penalty"
  | "presence_penalty"
  | "logit_bias"
  | "grammar"
  | "json_schema"
  | "json_schema_strict"
  | "tools"
  | "tool_choice"
  | "logprobs"
  | "post_sampling_probs"
  | "lora"
  | "resume_mirostat_mu"
  | SamplingOption
>;

/** Watches an answer grow, token by token. */
export interface AnswerWatch {
  /** Adds a token of the answer. */
  push(token: number): void;
  /** Whether the answer is inside a thought. */
  readonly isThinking: boolean;
  /** How many characters came before the call that is being written; undefined outside of calls. */
  readonly callStart: number | undefined;
  /** Its tokens, from that with its first mark on. */
  callTokens(): readonly number[];
}

/** How the grammars of a request follow its answer, which may have thoughts and calls. */
export interface AnswerHold {
  readonly watch: AnswerWatch;
  /** Whether the request's grammar holds outside of thoughts only. */
  readonly waits: boolean;
  /** How the answer may begin beside what the request's grammar says. */
  readonly beginnings: Beginnings;
  /** How the model writes calls in text; undefined: nothing holds them. */
  readonly calls: CallSyntax | undefined;
  /** How its messages go on from the prompt; undefined: the answer is one text. */
  readonly messages: MessageStyle | undefined;
}

/** The beginning of an answer that its request has: what a grammar says goes on after it. */
export interface BegunAnswer {
  readonly text: string;
  /** Field of the request that it is from. */
  readonly field: string;
}

/** The sampling of one request, with its state. */
export interface Sampling {
  /** Number of the adapter that it computes with, if any: only requests with the same one share states. */
  readonly adapter?: number;
  /** Adds the tokens of the prompt, for the penalties. */
  see(prompt: readonly number[]): void;
  /**
   * Adds a token that an earlier attempt generated.
   *
   * @throws {LlorchError} `INVALID_REQUEST` if the grammar does not allow it
   */
  replay(token: number): void;
  /** From here on, these tokens are not chosen. */
  forbid(tokens: readonly number[]): void;
  /** Mirostat's state after the tokens so far; absent without Mirostat. */
  readonly mirostatMu?: number | undefined;
  /** Places of schemas that the grammar does not hold; absent without a grammar. */
  readonly unheld?: readonly string[];
  /**
   * Frees what it has outside of JavaScript, after a step that still uses it. Called once, as the last
   * method.
   */
  dispose(): void;
}

/**
 * Written into a saved sequence to identify which workers may restore it; always the same length.
 */
export type StateMark = Uint32Array;

/**
 * What a sequence held, as a copy in the machine's memory. Any sequence of the same engine can go on from it.
 */
export interface KeptState {
  /** Its tokens. */
  readonly length: number;
  /** Memory that it takes. */
  readonly bytes: number;
  /** As {@linkcode EngineSequence.sharedPrefix} of a sequence that it was put into. */
  sharedPrefix(tokens: readonly number[], sampling: Sampling): number;
  /** Whether all that can go on from the other can go on from this one. */
  includes(other: KeptState): boolean;
  /** Frees its memory. Called once, as the last method. */
  forget(): void;
}

/** Most tokens of one step that are scored: each has a row of logits, with a number for every token there is. */
export const SCORED_AT_ONCE = 32;

/** One slot's share of the context. */
export interface EngineSequence {
  /**
   * Number of tokens at the start of `tokens` that need not be evaluated again. The last one of them always
   * must be, to find out what follows it.
   */
  sharedPrefix(tokens: readonly number[], sampling: Sampling): number;
  /** Its evaluated tokens. */
  readonly length: number;
  /** The same of a copy that {@linkcode keep} would make now. */
  sharedByCopy(tokens: readonly number[], sampling: Sampling): number;
  /**
   * Copies its tokens and their state. Not to be called while a step of any sequence runs.
   *
   * @param hasRoom Whether there is memory for a copy of so many bytes.
   * @returns undefined if there is not, or nothing to copy
   */
  keep(hasRoom: (bytes: number) => boolean): Promise<KeptState | undefined>;
  /**
   * Replaces its content with a copy, which stays. Not to be called while a step of any sequence runs.
   *
   * @throws {Error} if that fails; then it is empty
   */
  put(state: KeptState): Promise<void>;
  /**
   * Removes everything from `length` on. Not to be called while a step of this sequence runs.
   *
   * @param prompt The tokens that it is to have next, from its first on. The states that later prompts may
   * go on from are kept while they are evaluated.
   * @returns how many tokens are left: fewer than `length` if the model cannot be cut there
   */
  trim(length: number, prompt?: readonly number[]): number;
  /**
   * Encodes the pictures and sound of a prompt from an index on, which takes long; undefined if there is nothing
   * to encode. Their tokens can be evaluated without it, but then all others wait.
   */
  prepare(tokens: readonly number[], from: number): Promise<unknown> | undefined;
  /** Evaluates tokens without choosing a next one. */
  prefill(tokens: readonly number[], sampling: Sampling): Promise<void>;
  /**
   * Evaluates tokens as {@linkcode prefill} does, and reads how probable each token after them is, before any
   * sampling.
   *
   * @param next The token after each of `tokens`, of which there may be {@linkcode SCORED_AT_ONCE}.
   * @param count Most probable tokens to read with each.
   */
  score(
    tokens: readonly number[],
    next: readonly number[],
    count: number,
    sampling: Sampling,
  ): Promise<readonly Odds[]>;
  /**
   * Evaluates the last tokens of a prompt and generates from there.
   *
   * @param most Most tokens that will be asked for, if it is known; more may be.
   */
  generate(tokens: readonly number[], sampling: Sampling, most?: number): Generation;
  /**
   * Writes its tokens and their state to a file. Not to be called while a step of any sequence
   * runs.
   *
   * @returns number of tokens; 0 if nothing was written: it is empty, or was used with an adapter
   */
  save(path: string, mark: StateMark): Promise<number>;
  /**
   * Replaces its content with a file of {@linkcode save}. Not to be called while a step of any
   * sequence runs.
   *
   * @returns number of restored tokens
   * @throws {LlorchError} `CONFLICT` if the file has another mark, or is not complete
   */
  restore(path: string, mark: StateMark): Promise<number>;
}

/** A token and how probable it was. */
export interface TokenOdds {
  readonly token: number;
  /** Natural logarithm of its probability; -9999 if that is 0. */
  readonly logprob: number;
}

/**
 * How probable a chosen token and the most probable ones were: as the model says, or among the
 * candidates that sampling left if the request asks for that.
 */
export interface Odds {
  readonly logprob: number;
  readonly top: readonly TokenOdds[];
}

/** A chosen token. */
export interface Chosen {
  readonly token: number;
  /** Only if the request asks for logprobs. */
  readonly odds?: Odds;
}

/** A running generation; each call of `next` is one step. */
export interface Generation {
  /**
   * The next token, or several if one step can produce them; none follow an end token.
   *
   * @param wantsMore Called with each token while the sampling is as it is after that token: whether
   * further ones are wanted. If not, sequence and sampling are as if none had been chosen. A grammar
   * that nothing changes during the answer may be ahead, for a run that has ended.
   * @throws {LlorchError} `INVALID_REQUEST` if the request leaves no token to choose; what was evaluated
   * stays in the sequence, as after a run that has ended. After any other error it is unknown
   */
  next(wantsMore?: (chosen: Chosen) => boolean): Promise<readonly Chosen[]>;
  close(): void;
}
