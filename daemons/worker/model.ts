import { LlorchError } from "#shared/errors.ts";
import type { z } from "zod";
import type { Capability, ServerLoad } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import type {
  embedReply,
  embedRequest,
  rerankReply,
  rerankRequest,
  SavedSlot,
  TemplateReply,
  TokenPiece,
} from "#shared/contracts/worker.ts";
import type { Logger } from "#shared/logging.ts";
import type { Answer } from "./answers/answer.ts";
import type { PromptFields } from "./answers/prompt.ts";
import type { AttemptOrder } from "./answers/run_table.ts";
import type { WorkerConfig } from "./config.ts";
import type { Instruments } from "./instruments.ts";

/** Saves slots to files and restores them. */
export interface SavedSlots {
  /** Files that were saved with the same key can be restored. */
  readonly key: string;
  /**
   * Writes the evaluated tokens of a slot to a new file.
   *
   * @throws {LlorchError} `NOT_FOUND` if there is no such slot, `CONFLICT` if it is in use or the
   * file exists
   */
  save(slot: number, path: string): Promise<SavedSlot>;
  /**
   * Replaces the content of a slot with a saved file.
   *
   * @returns number of restored tokens
   * @throws {LlorchError} `NOT_FOUND`, or `CONFLICT`, also for a file of another key
   */
  restore(slot: number, path: string): Promise<number>;
}

/** A prompt, and what of it is wanted. */
export interface TokenizeFields extends PromptFields {
  /** false: a prompt gets no begin token. */
  readonly add_special?: boolean | undefined;
  readonly with_pieces?: boolean | undefined;
}

/** Tokens of a prompt. */
export interface TokenizedPrompt {
  readonly tokens: readonly number[];
  /** One for each token, if they are asked for. */
  readonly pieces?: readonly TokenPiece[];
}

/** A loaded model as the worker's routes use it, computed here or by another server. */
export interface Model {
  readonly fingerprint: string;
  /** Backend or server that computes: `cpu`, `cuda`, `llama-server`, … */
  readonly backend: string;
  /** Tokens per slot: prompt and reply together. */
  readonly context: number;
  /** CPU threads that compute; undefined if another program computes. */
  readonly threads?: number;
  readonly capabilities: readonly Capability[];
  /** What an operator should know of the model. */
  readonly warning?: string | undefined;
  /** Other processes that hold the model's memory. */
  readonly pids: readonly number[];
  /** Slots in use. */
  readonly active: number;
  /** Requests that wait for a slot. */
  readonly waiting: number;
  /** Memory of states beside the slots, in bytes; undefined if another program keeps them. */
  readonly cacheBytes?: number;
  /** Whether nothing runs or waits. */
  readonly idle: boolean;
  /** Undefined if slots cannot be saved, or no folder is configured. */
  readonly savedSlots: SavedSlots | undefined;
  /** @throws {LlorchError} if the request is invalid, too long, or cannot be accepted now */
  execute(request: ExecuteRequest, log: Logger): Promise<Answer>;
  /** Cancels an attempt of a job, or an earlier one; does nothing if a later one runs. */
  cancel(order: AttemptOrder): void;
  /**
   * A prompt's tokens, as {@linkcode execute} would read them.
   *
   * @throws {LlorchError} `INVALID_REQUEST` that names a field which the engine does not know
   */
  tokenize(fields: TokenizeFields): Promise<TokenizedPrompt>;
  /**
   * The text of tokens, with that of control tokens.
   *
   * @throws {LlorchError} `INVALID_REQUEST` for ids outside of the vocabulary
   */
  detokenize(tokens: readonly number[]): Promise<string>;
  /**
   * The prompt that the model's chat template makes of a chat.
   *
   * @throws {LlorchError} `INVALID_REQUEST` if the template refuses it, or the engine tells no prompt
   */
  render(chat: PromptFields): Promise<string>;
  /** What the model's file says of its chats. */
  template(): TemplateReply;
  embed(
    request: z.output<typeof embedRequest>,
    signal: AbortSignal,
  ): Promise<z.output<typeof embedReply>>;
  rerank(
    request: z.output<typeof rerankRequest>,
    signal: AbortSignal,
  ): Promise<z.output<typeof rerankReply>>;
  /** What the server that serves it says of its load; undefined without one, or if it says nothing. */
  readonly serverLoad?: ServerLoad | undefined;
  /** Memory of the model's processes and on its device, in bytes; from cached figures. */
  memoryBytes(): number;
  /**
   * Waits at most this long for runs to end, then ends the rest so that they can continue elsewhere.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Ends all runs and frees everything. */
  close(): Promise<void>;
}

/** Dependencies of a {@linkcode LoadModel}, besides the configuration. */
export interface LoadContext {
  readonly log: Logger;
  readonly observer: Instruments;
  /** Called with 0 to 1 while the weights are read. */
  readonly onProgress: (fraction: number) => void;
  /** Called if nothing can be computed any more: the worker ends with `exitCode`, by default 1. */
  readonly onFatal: (error: unknown, exitCode?: number) => void;
  /** Stops the load. */
  readonly signal: AbortSignal;
}

/** Loads a model. Throws an error whose message says what to do. */
export type LoadModel = (config: WorkerConfig, context: LoadContext) => Promise<Model>;

/**
 * Nothing but an operator can make this model usable: its file is damaged, or the server that has it refuses the
 * key. Another try would fail in the same way.
 */
export class UnusableModelError extends LlorchError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("WORKER_START_FAILED", message, options);
  }
}
