import type { Job } from "./job.ts";

/** Used where a job has no bound: more than any job generates, small enough that sums stay exact. */
const UNBOUNDED = 2 ** 31 - 1;

/** Jobs whose `max_tokens` have the same number of binary digits. */
interface Bucket {
  count: number;
  /** Sum of their `max_tokens`. */
  sum: number;
}

/**
 * The waiting jobs of one tenant for one model in one class, oldest first, by id. They are also counted by
 * the size of their `max_tokens`, so that the expected tokens are known without a walk over all jobs.
 */
export class OwnLine extends Map<string, Job> {
  readonly #buckets = new Map<number, Bucket>();

  override set(id: string, job: Job): this {
    const before = this.get(id);
    if (before) this.#count(before, -1);
    this.#count(job, 1);
    return super.set(id, job);
  }

  override delete(id: string): boolean {
    const job = this.get(id);
    if (job) this.#count(job, -1);
    return super.delete(id);
  }

  /**
   * Tokens that its jobs will generate together, where a job without a bound generates `usual`.
   * Exact except for jobs whose bound is within a factor of two of `usual`.
   */
  expectedTokens(usual: number): number {
    let tokens = 0;
    for (const { count, sum } of this.#buckets.values()) tokens += Math.min(sum, count * usual);
    return tokens;
  }

  #count({ maxTokens = UNBOUNDED }: Job, by: 1 | -1): void {
    const bound = Math.min(maxTokens, UNBOUNDED);
    const digits = 32 - Math.clz32(bound);
    const bucket = this.#buckets.get(digits) ?? { count: 0, sum: 0 };
    bucket.count += by;
    bucket.sum += by * bound;
    if (bucket.count === 0) this.#buckets.delete(digits);
    else this.#buckets.set(digits, bucket);
  }
}
