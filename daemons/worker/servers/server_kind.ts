import type { CallPart, ChosenLogprob, StopReason } from "#shared/contracts/events.ts";
import type { ServerLoad } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import type { PromptFields } from "../answers/prompt.ts";
import type { TokenizedPrompt, TokenizeFields } from "../model.ts";
import type { ChatSwitches } from "./chat_switches.ts";

/** One part of a generation, as a server sends it. */
export interface Piece {
  readonly text: string;
  /** Tokens since the piece before; empty if the server does not return them. */
  readonly ids: readonly number[];
  readonly logprobs?: readonly ChosenLogprob[];
  /** Thought, apart from the text. */
  readonly reasoning?: string;
  /** Calls that begin, and the next parts of their arguments. */
  readonly callParts?: readonly (CallPart & { readonly arguments: string })[];
  /** Why the generation ended; only in its last piece. */
  readonly stop?: StopReason;
  readonly toolCalls?: readonly ToolCall[];
  readonly usage?: Usage;
  /** How much of the prompt is evaluated. */
  readonly prompt?: PromptRead;
}

/** How much of a prompt is evaluated, in tokens. */
export interface PromptRead {
  readonly done: number;
  readonly total: number;
  readonly cached: number;
}

/** Token counts of a server. */
export interface Usage {
  readonly tokensIn?: number;
  readonly tokensCached?: number;
  readonly tokensOut?: number;
  readonly reasoning?: number;
}

/** The part of a server's API in which servers differ. */
export interface ServerKind {
  /** Shown as the worker's backend. */
  readonly name: string;
  /** Tokens per slot; undefined if the server does not report it. */
  readonly context: number | undefined;
  /** Number of tokens, whose ids begin at 0; Infinity if the server does not report it. */
  readonly vocabularySize: number;
  /** What the model's file says of its chats; absent if the server does not tell it. */
  readonly template?: TemplateReply;
  /** Generates from token ids; undefined if the server supports only text. */
  readonly tokens: TokenServer | undefined;
  /**
   * Whether the model may think before it answers. Only the server's chat route tells thoughts from
   * the answer, and that route returns no token ids.
   */
  readonly thinks: boolean;
  /** Whether it takes images; undefined if it does not say. */
  readonly vision?: boolean;
  /**
   * Refuses requests that would make the server crash or hang.
   *
   * @throws {LlorchError} `INVALID_REQUEST` that names the field
   */
  check?(request: ExecuteRequest): void;
  /** Fills in between prompt and suffix, without token ids; absent if the server cannot. */
  infill?(request: ExecuteRequest, order: TextOrder): AsyncGenerator<Piece>;
  /** What the server says of its load; undefined if it says nothing. */
  load?(signal: AbortSignal): Promise<ServerLoad | undefined>;
  /** Generates by the server's chat or completions route; stop strings are not sent to it. */
  generateText(request: ExecuteRequest, order: TextOrder): AsyncGenerator<Piece>;
}

/** A server that accepts and returns token ids, so that answers can be resumed elsewhere. */
export interface TokenServer {
  /** @throws {LlorchError} `INVALID_REQUEST` that names a switch which the server does not know */
  tokenize(fields: PromptFields & ChatSwitches, signal: AbortSignal): Promise<number[]>;
  detokenize(tokens: readonly number[], signal: AbortSignal): Promise<string>;
  /** Tokens with the text of each; absent if the server does not tell it. */
  pieces?(fields: TokenizeFields & ChatSwitches, signal: AbortSignal): Promise<TokenizedPrompt>;
  /** The prompt that the model's template makes of a chat; absent if the server does not tell it. */
  render?(chat: PromptFields & ChatSwitches, signal: AbortSignal): Promise<string>;
  /** Generates from tokens; stop strings are not sent to the server. */
  generate(request: ExecuteRequest, order: TokenOrder): AsyncGenerator<Piece>;
}

/** Options of {@linkcode ServerKind.generateText}. */
export interface TextOrder {
  /** Most tokens; undefined: the server's default. */
  readonly limit: number | undefined;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Options of {@linkcode TokenServer.generate}. */
export interface TokenOrder extends TextOrder {
  /** All tokens before the first new one. */
  readonly tokens: readonly number[];
  readonly limit: number;
}
