import {
  isTerminal,
  orchestratorRoutes as routes,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import type { Client } from "#shared/http/client.ts";
import { follow, numbersOf, type Received, within } from "./stack.ts";

/**
 * Context of a worker, in tokens, for jobs that must run until their test ends them: `slow-counter`
 * takes at least a minute to fill it.
 */
export const ENDLESS_CONTEXT = 32_768;

/** Tokens that fit into {@linkcode ENDLESS_CONTEXT}. */
const ENDLESS_TOKENS = 32_000;

/**
 * A job that counts until its test ends it. Its output only grows, so a test can wait for it. Its
 * model is `slow-counter`, with {@linkcode ENDLESS_CONTEXT}.
 */
export class CountingJob {
  readonly received: Received[] = [];
  readonly #client: Client;
  readonly #done: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #ended = false;

  /** Submits the job, which counts from the number after `from`. */
  constructor(client: Client, from: number, more: Partial<TaskRequestInput> = {}) {
    this.#client = client;
    this.#done = this.#follow({
      model: "slow-counter",
      prompt: `w${from}`,
      max_tokens: ENDLESS_TOKENS,
      temperature: 0,
      ...more,
    });
    // A failure reaches those who await it; otherwise it must not count as an unhandled rejection.
    this.#done.catch(() => {});
  }

  /** The numbers generated so far. */
  get numbers(): number[] {
    return numbersOf(this.received);
  }

  /** The job's id; rejects if the job was not accepted. */
  async id(): Promise<string> {
    await this.#until("has an id", () => this.#jobId() !== undefined);
    return this.#jobId()!;
  }

  /**
   * Waits until the job has generated `count` more numbers.
   *
   * @throws {Error} if it ends before
   */
  async saysMore(count: number): Promise<void> {
    const enough = this.numbers.length + count;
    await this.#until(`has generated ${enough} numbers`, () => this.numbers.length >= enough);
  }

  /**
   * Cancels the job and returns all its events, including the end.
   *
   * @throws {Error} if it has already ended by itself
   */
  async end(): Promise<Received[]> {
    const id = await this.id();
    if (this.#ended) throw new Error(`The job has ended by itself: ${this.#last()}`);
    await this.#client.call(routes.cancelTask, { params: { id } });
    await within(this.#done, "a cancelled job has ended");
    return this.received;
  }

  #jobId(): string | undefined {
    const [first] = this.received;
    return first?.event === "queued" ? first.data.job_id : undefined;
  }

  #last(): string {
    return JSON.stringify(this.received.at(-1));
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const wait = async () => {
      while (!condition()) {
        if (this.#ended) {
          await this.#done;
          throw new Error(`The job ended before it ${what}: ${this.#last()}`);
        }
        await this.#changed.promise;
      }
    };
    await within(wait(), `a job ${what}`);
  }

  async #follow(task: TaskRequestInput): Promise<void> {
    try {
      for await (const event of follow(this.#client, task)) {
        this.received.push(event);
        if (isTerminal(event)) this.#ended = true;
        this.#wake();
      }
    } finally {
      this.#ended = true;
      this.#wake();
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
