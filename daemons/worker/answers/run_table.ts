import { LlorchError } from "#shared/errors.ts";
import type { Run } from "../batch/run.ts";

/** What a {@linkcode RunTable} must know of a run. */
export interface TableRun {
  readonly spec: { readonly jobId: string; readonly attempt: number };
  fail(error: LlorchError): void;
}

/** Every run that has not ended: those that wait for a slot, first come first served, and the rest. */
export class RunTable<R extends TableRun = Run> {
  readonly #byJob = new Map<string, R>();
  readonly #waiting: R[] = [];
  readonly #queueLimit: number;
  #idle: (() => void)[] = [];

  /** @param queueLimit Most runs that wait while no slot is free. */
  constructor(queueLimit: number) {
    this.#queueLimit = queueLimit;
  }

  /** Runs that wait for a slot. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs that have not ended. */
  get size(): number {
    return this.#byJob.size;
  }

  /** Every run that has not ended. */
  all(): R[] {
    return [...this.#byJob.values()];
  }

  /**
   * Refuses what {@linkcode add} would refuse; cheap, for before the work of preparing a run.
   *
   * @param freeSlots Slots without a run.
   */
  check(jobId: string, attempt: number, freeSlots: number): void {
    const running = this.#byJob.get(jobId);
    if (running) {
      if (running.spec.attempt < attempt) return;
      throw new LlorchError(
        "CONFLICT",
        `Cannot run attempt ${attempt} of job "${jobId}": attempt ${running.spec.attempt} runs here`,
      );
    }
    if (this.#waiting.length < this.#queueLimit + freeSlots) return;
    throw new LlorchError(
      "QUEUE_FULL",
      `Cannot take job "${jobId}": all slots are busy and ${this.#waiting.length} requests wait`,
      { retryAfterMs: 1000 },
    );
  }

  /** Takes a run in; it replaces a lower attempt of its job. */
  add(run: R, freeSlots: number): void {
    const { jobId, attempt } = run.spec;
    this.check(jobId, attempt, freeSlots);
    this.#byJob.get(jobId)?.fail(
      new LlorchError("CANCELLED", `Attempt ${attempt} of the job replaces this one`),
    );
    this.#byJob.set(jobId, run);
    this.#waiting.push(run);
  }

  /** The run that waits longest, and no longer. */
  takeNext(): R | undefined {
    return this.#waiting.shift();
  }

  /** Ends an attempt of a job; one that is not the current one stays untouched. */
  cancel(jobId: string, attempt: number): void {
    const run = this.#byJob.get(jobId);
    if (run?.spec.attempt !== attempt) return;
    run.fail(new LlorchError("CANCELLED", "The job was cancelled"));
  }

  /** Forgets a run that has ended. */
  remove(run: R): void {
    if (this.#byJob.get(run.spec.jobId) === run) this.#byJob.delete(run.spec.jobId);
    const at = this.#waiting.indexOf(run);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#byJob.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }

  /** Resolves when no run is left. */
  whenIdle(): Promise<void> {
    if (this.#byJob.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
