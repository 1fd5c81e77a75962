import type { ChosenLogprob, StopReason } from "#shared/contracts/events.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import type { PromptFields } from "../answers/prompt.ts";

/** One part of a generation, as a server tells it. */
export interface Piece {
  readonly text: string;
  /** The tokens since the piece before; empty where the server does not tell them. */
  readonly ids: readonly number[];
  readonly logprobs?: readonly ChosenLogprob[];
  /** Why the generation is over. */
  readonly stop?: StopReason;
  readonly toolCalls?: readonly ToolCall[];
  readonly usage?: Usage;
}

/** What a server counted. */
export interface Usage {
  readonly tokensIn?: number;
  readonly tokensCached?: number;
  readonly tokensOut?: number;
}

/** How a server is spoken to beyond what all of them share. */
export interface ServerKind {
  /** Shown as the worker's backend. */
  readonly name: string;
  /** Tokens per slot, where the server says so. */
  readonly context: number | undefined;
  /** Ids from 0 to below this one are tokens; Infinity where the server does not say. */
  readonly vocabularySize: number;
  /** Tokens in and tokens out; undefined for a server that knows text alone. */
  readonly tokens: TokenServer | undefined;
  /**
   * Refuses what the server would not survive.
   *
   * @throws {LlorchError} `INVALID_REQUEST` naming the field.
   */
  check?(request: ExecuteRequest): void;
  /** Generates by the server's own chat or completions route; stop strings are not for it. */
  generateText(request: ExecuteRequest, order: TextOrder): AsyncGenerator<Piece>;
}

/** Tokens in and tokens out: what makes an answer that was broken off go on exactly elsewhere. */
export interface TokenServer {
  tokenize(fields: PromptFields, signal: AbortSignal): Promise<number[]>;
  detokenize(tokens: readonly number[], signal: AbortSignal): Promise<string>;
  /** Generates from tokens; stop strings are not for it. */
  generate(request: ExecuteRequest, order: TokenOrder): AsyncGenerator<Piece>;
}

/** How a text is generated. */
export interface TextOrder {
  /** Most tokens; undefined: as the server likes. */
  readonly limit: number | undefined;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** How tokens are generated. */
export interface TokenOrder extends TextOrder {
  /** Everything before the first new token. */
  readonly tokens: readonly number[];
  readonly limit: number;
}
