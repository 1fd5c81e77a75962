import { LlorchError } from "#shared/errors.ts";
import type { z } from "zod";
import type { Capability } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import type {
  embedReply,
  embedRequest,
  rerankReply,
  rerankRequest,
  SavedSlot,
} from "#shared/contracts/worker.ts";
import type { Logger } from "#shared/logging.ts";
import type { Answer } from "./answers/answer.ts";
import type { PromptFields } from "./answers/prompt.ts";
import type { WorkerConfig } from "./config.ts";
import type { Instruments } from "./instruments.ts";

/** Slots on their way to files and back. */
export interface SavedSlots {
  /** What was saved under the same key can be restored. */
  readonly key: string;
  /**
   * Writes what a slot holds evaluated to a new file.
   *
   * @throws {LlorchError} `NOT_FOUND` for a slot that there is not, `CONFLICT` for one in use or a
   * file that is there already.
   */
  save(slot: number, path: string): Promise<SavedSlot>;
  /**
   * Gives a slot what was saved.
   *
   * @returns how many tokens it holds now
   * @throws {LlorchError} `NOT_FOUND`, or `CONFLICT` also for a file of another key.
   */
  restore(slot: number, path: string): Promise<number>;
}

/** A loaded model as the worker's routes see it, whoever computes. */
export interface Model {
  readonly fingerprint: string;
  /** What computes: `cpu`, `cuda`, `llama-server`, … */
  readonly backend: string;
  /** Tokens per slot: prompt and reply together. */
  readonly context: number;
  /** CPU threads that compute; undefined where another program decides. */
  readonly threads?: number;
  readonly capabilities: readonly Capability[];
  /** Processes other than the worker's own that hold the model's memory. */
  readonly pids: readonly number[];
  /** Slots in use. */
  readonly active: number;
  /** Requests that wait for a slot. */
  readonly waiting: number;
  /** Whether nothing runs or waits. */
  readonly idle: boolean;
  /** Undefined where slots cannot be saved, or there is no folder for them. */
  readonly savedSlots: SavedSlots | undefined;
  /** @throws {LlorchError} when the request is wrong, too long, or cannot be taken now. */
  execute(request: ExecuteRequest, log: Logger): Promise<Answer>;
  /** Ends an attempt of a job; anything but the current one stays untouched. */
  cancel(jobId: string, attempt: number): void;
  /** A prompt's tokens, as {@linkcode execute} would read them. */
  tokenize(fields: PromptFields): Promise<readonly number[]>;
  embed(
    request: z.output<typeof embedRequest>,
    signal: AbortSignal,
  ): Promise<z.output<typeof embedReply>>;
  rerank(
    request: z.output<typeof rerankRequest>,
    signal: AbortSignal,
  ): Promise<z.output<typeof rerankReply>>;
  /** Memory that the model's processes hold, on its device too; from what is known already. */
  memoryBytes(): number;
  /** Lets what runs come to its end, at most this long, then cuts it so that it can go on elsewhere. */
  drain(deadlineMs: number): Promise<void>;
  /** Ends what is left, and frees everything. */
  close(): Promise<void>;
}

/** What a {@linkcode LoadModel} is told beside the configuration. */
export interface LoadContext {
  readonly log: Logger;
  readonly observer: Instruments;
  /** Called with 0 to 1 while the weights are read. */
  readonly onProgress: (fraction: number) => void;
  /** What computes broke: nothing can be served any more, and the worker ends, with code 1 or another. */
  readonly onFatal: (error: unknown, exitCode?: number) => void;
  /** Breaks the load off. */
  readonly signal: AbortSignal;
}

/** Loads a model. Throws an error whose message a person can act upon. */
export type LoadModel = (config: WorkerConfig, context: LoadContext) => Promise<Model>;

/** A model's file that can never be loaded here: trying again would end the same way. */
export class UnusableModelError extends LlorchError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("WORKER_START_FAILED", message, options);
  }
}
