import type { ExecuteRequest, Message } from "#shared/contracts/request.ts";
import type { LlamaSettings } from "#shared/config/llama.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import type { Capability } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import type { CallSyntax } from "../chat/call_syntax.ts";
import type { TokensSeen } from "../chat/chat_template.ts";

/** Most tokens in one step, unless told otherwise. */
export const DEFAULT_BATCH = 512;

/** What an engine is asked to load. */
export interface EngineOptions {
  /** Path of the model's file. */
  readonly model: string;
  /** Number of a GPU, `none` for the CPU; undefined takes the build's own backend. */
  readonly gpu: string | undefined;
  readonly gpuLayers: number | undefined;
  /** Tokens per slot; undefined takes a default that fits the model. */
  readonly context: number | undefined;
  readonly slots: number;
  /** CPU threads; `auto` measures a few settings. */
  readonly threads: number | "auto";
  readonly settings: LlamaSettings;
  /** Paths of the adapters that requests may name. */
  readonly adapters: ReadonlyMap<string, string>;
  /** Called with 0 to 1 while the weights are read. */
  readonly onProgress: (fraction: number) => void;
  /** Called with what the library underneath has to say. */
  readonly onWarning: (message: string) => void;
  /** Breaks the load off. */
  readonly signal: AbortSignal;
}

/**
 * A request keeps the engine busy with what cannot be stopped: nothing else can be computed any more.
 * It is the request's own error, and final; whatever else ran can go on with another engine.
 */
export class EngineStuck extends LlorchError {
  constructor(message: string) {
    super("INVALID_REQUEST", message);
  }
}

/** Loads a model. Throws an error whose message a person can act upon. */
export type LoadEngine = (options: EngineOptions) => Promise<Engine>;

/** A loaded model that turns tokens into tokens; knows nothing of HTTP, jobs or streams. */
export interface Engine {
  /** `cpu`, `cuda`, `vulkan` or `metal`. */
  readonly backend: string;
  /** Tokens per slot: prompt and reply together. */
  readonly context: number;
  /** CPU threads that compute: as many as were asked for, or were measured to be best. */
  readonly threads: number;
  /** Ids from 0 to below this one are tokens. */
  readonly vocabularySize: number;
  /** One per slot; none for a model that does not generate. */
  readonly sequences: readonly EngineSequence[];
  /**
   * A plain prompt as tokens; text that looks like a control token stays text. Others get turns of the
   * event loop while a long one is read.
   */
  tokenize(text: string, seen?: TokensSeen): Promise<number[]>;
  /**
   * A chat as tokens, by the model's own template; tools the model may call are described in it.
   *
   * @throws {LlorchError} `INVALID_REQUEST` when the model has no template or refuses the messages.
   */
  tokenizeChat(
    messages: readonly Message[],
    tools: readonly Tool[],
    seen?: TokensSeen,
  ): Promise<number[]>;
  /** How the model writes calls of tools. */
  readonly callSyntax: CallSyntax;
  /** The text of tokens; U+FFFD at its end may be a character that is not whole yet. */
  detokenize(tokens: readonly number[]): string;
  /** Whether the token ends a generation. */
  endsGeneration(token: number): boolean;
  /**
   * Prepares how one request's tokens are chosen.
   *
   * @throws {LlorchError} `INVALID_REQUEST` naming the wrong field.
   */
  createSampling(request: SamplingRequest, seed: number): Promise<Sampling>;
  /** What the model is made for. */
  readonly capabilities: readonly Capability[];
  /**
   * The vector of a text, of length 1. Only where the capabilities have `embed`.
   *
   * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
   */
  embed(input: string | readonly number[]): Promise<{ vector: Float32Array; tokens: number }>;
  /**
   * How well a document answers a query, 0 to 1. Only where the capabilities have `rerank`.
   *
   * @throws {LlorchError} `CONTEXT_LENGTH_EXCEEDED`
   */
  rank(query: string, document: string): Promise<{ score: number; tokens: number }>;
  /** Memory that the process holds, on its device too. */
  memoryBytes(): number;
  dispose(): Promise<void>;
}

/** The fields of a request that say how tokens are chosen. */
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
  | "lora"
>;

/** How one request's tokens are chosen, with what it has to remember of those chosen before. */
export interface Sampling {
  /** Takes in tokens of the prompt, for the penalties. */
  see(prompt: readonly number[]): void;
  /**
   * Takes in a token that an earlier attempt generated.
   *
   * @throws {LlorchError} `INVALID_REQUEST` when the grammar does not allow it.
   */
  replay(token: number): void;
}

/** Stands in a saved sequence and says who may restore it: numbers of 32 bits, always as many. */
export type StateMark = Uint32Array;

/** One slot's share of the context. */
export interface EngineSequence {
  /** How many tokens at the start of a request's `tokens` it holds evaluated. */
  sharedPrefix(tokens: readonly number[], sampling: Sampling): number;
  /**
   * Forgets everything from `length` on. Not while a step of it runs.
   *
   * @returns how many tokens are left: fewer than `length` where the model cannot be cut there
   */
  trim(length: number): number;
  /** Evaluates tokens without choosing a next one. */
  prefill(tokens: readonly number[], sampling: Sampling): Promise<void>;
  /** Evaluates the last tokens of a prompt and generates from there. */
  generate(tokens: readonly number[], sampling: Sampling): Generation;
  /**
   * Writes what it holds evaluated to a file, tokens and all. Not while a step of any sequence runs.
   *
   * @returns how many tokens; 0 where nothing was written: it holds none, or an adapter's
   */
  save(path: string, mark: StateMark): Promise<number>;
  /**
   * Takes what {@linkcode save} wrote in place of what it holds. Not while a step of any sequence runs.
   *
   * @returns how many tokens it holds now
   * @throws {LlorchError} `CONFLICT` when the file has another mark, or is not whole.
   */
  restore(path: string, mark: StateMark): Promise<number>;
}

/** A token and how probable it was. */
export interface TokenOdds {
  readonly token: number;
  /** Natural logarithm of its probability among the tokens that sampling left to choose from. */
  readonly logprob: number;
}

/** A token that was chosen. */
export interface Chosen {
  readonly token: number;
  /** Where the request asks for it. */
  readonly odds?: { readonly logprob: number; readonly top: readonly TokenOdds[] };
}

/** A running generation; one call of `next` is one step. */
export interface Generation {
  /** The next token or, where several could be chosen in one step, tokens; none follows an end. */
  next(): Promise<readonly Chosen[]>;
  close(): void;
}
