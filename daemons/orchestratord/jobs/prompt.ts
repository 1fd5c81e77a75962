/**
 * A request in two parts: its prompt, which may be long and which only workers read, and everything else.
 *
 * @module
 */
import type { TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { JobStore } from "../store/job_store.ts";
import { demandOf } from "./demand.ts";

/** What a worker reads: a prompt, its tokens, or messages. */
export type Prompt = Pick<TaskRequest, "prompt" | "prompt_tokens" | "messages">;

/** A task without its prompt. */
export type PromptlessTask = Omit<TaskRequest, keyof Prompt>;

/** A shorter prompt is not worth a read from the store, in bytes. */
const SHORT = 2_048;

/** Bytes of a token id in memory. */
const TOKEN_BYTES = 8;

type Demand = ReturnType<typeof demandOf>;

/** Facts of a prompt's job. */
interface Owner {
  readonly id: string;
  /** Of the model that was asked for. */
  readonly fingerprint: string;
  readonly tenant: string;
  /** Undefined for a job that is not stored. */
  readonly store: Pick<JobStore, "get"> | undefined;
}

/** A job's prompt, which is in memory, or in the store alone. */
export class JobPrompt {
  /** The request without it. */
  readonly rest: PromptlessTask;
  readonly #owner: Owner;
  #value: Prompt | undefined;
  /** Demand of the model that was asked for, once the prompt is in the store alone. */
  #demand: Demand | undefined;

  constructor(request: TaskRequest, owner: Owner) {
    const { prompt, rest } = partsOf(request);
    this.rest = rest;
    this.#value = prompt;
    this.#owner = owner;
  }

  /** The prompt; undefined while it is in the store alone. */
  get value(): Prompt | undefined {
    return this.#value;
  }

  /**
   * The prompt from the store.
   *
   * @throws {LlorchError} `CONTENT_EXPIRED` if it is not there
   * @throws whatever the store throws
   */
  async stored(): Promise<Prompt> {
    const row = await this.#owner.store?.get(this.#owner.id);
    if (row?.request) return partsOf(row.request).prompt;
    throw new LlorchError("CONTENT_EXPIRED", "The job's request is no longer stored");
  }

  /**
   * Leaves a long prompt to the store, which must have it: jobs that wait may be many, and their prompts long.
   * Short ones stay, as they take little, and an attempt starts sooner.
   */
  leaveToStore(): void {
    const { store, fingerprint } = this.#owner;
    if (!store || this.#value === undefined || !isLong(this.#value)) return;
    this.#demand = this.demand(fingerprint);
    this.#value = undefined;
  }

  /** What the scheduler must know of the job, if a model answers. */
  demand(fingerprint: string): Demand {
    const { fingerprint: asked, tenant } = this.#owner;
    if (this.#value) return demandOf({ ...this.rest, ...this.#value }, fingerprint, tenant);
    // Which worker has read its beginning is only known of the model that was asked for.
    return fingerprint === asked ? this.#demand! : { ...this.#demand!, affinity: [] };
  }
}

/** Takes a request apart. */
function partsOf(
  { prompt, prompt_tokens, messages, ...rest }: TaskRequest,
): { readonly prompt: Prompt; readonly rest: PromptlessTask } {
  return { prompt: { prompt, prompt_tokens, messages }, rest };
}

/** Whether a prompt is long enough to be read from the store when it is needed. */
function isLong({ prompt = "", prompt_tokens = [], messages = [] }: Prompt): boolean {
  if (prompt.length + prompt_tokens.length * TOKEN_BYTES > SHORT) return true;
  let bytes = 0;
  for (const { content } of messages) {
    bytes += typeof content === "string" ? content.length : JSON.stringify(content).length;
    if (bytes > SHORT) return true;
  }
  return false;
}
