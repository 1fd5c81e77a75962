import { every } from "#shared/beat.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { deadline } from "#shared/deadline.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Answer, AnswerSpec } from "./answer.ts";

/** A run, as far as {@linkcode RunTable} uses it. */
export interface TableRun {
  readonly answer: Pick<Answer, "spec" | "fail" | "requireReader" | "report">;
}

/** An attempt of a job, as far as its order among the others goes. */
export type AttemptOrder = Pick<AnswerSpec, "jobId" | "epoch" | "attempt">;

/** The order of the attempt that a request asks for, or cancels. */
export function attemptOrder(
  { job_id: jobId, attempt, sender }: Pick<ExecuteRequest, "job_id" | "attempt" | "sender">,
): AttemptOrder {
  return { jobId, epoch: sender?.epoch ?? 0, attempt };
}

/** Every run that has not ended. Those that wait for a slot get one in the order they came. */
export class RunTable<R extends TableRun> {
  readonly #byJob = new Map<string, R>();
  readonly #waiting: R[] = [];
  readonly #queueLimit: number;
  readonly #stopReports: () => void;
  #idle: (() => void)[] = [];
  #isDrained = false;

  /**
   * @param queueLimit Most runs that wait while no slot is free.
   * @param reportMs Time between two reports of each run, in milliseconds.
   * @param isComputing Whether metrics events are sent; without them, the stream counts as stalled.
   */
  constructor(queueLimit: number, reportMs: number, isComputing: () => boolean = () => true) {
    this.#queueLimit = queueLimit;
    this.#stopReports = every(reportMs, () => {
      for (const { answer } of this.all()) {
        answer.requireReader();
        if (isComputing()) answer.report();
      }
    });
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
   * Throws what {@linkcode add} would throw; called before the work of preparing a run.
   *
   * @param freeSlots Slots without a run.
   * @throws {LlorchError} `CONFLICT`, `QUEUE_FULL`, or `NOT_READY` while the worker stops
   */
  check(order: AttemptOrder, freeSlots: number): void {
    if (this.#isDrained) throw new LlorchError("NOT_READY", "The worker stops");
    const { jobId, attempt } = order;
    const running = this.#byJob.get(jobId);
    if (running) {
      const { spec } = running.answer;
      if (isLater(order, spec)) return;
      const whose = order.epoch === spec.epoch ? "" : " of a later start of the orchestrator";
      throw new LlorchError(
        "CONFLICT",
        `Cannot run attempt ${attempt} of job "${jobId}": attempt ${spec.attempt}${whose} runs here`,
      );
    }
    if (this.#waiting.length < this.#queueLimit + freeSlots) return;
    throw new LlorchError(
      "QUEUE_FULL",
      `Cannot take job "${jobId}": all slots are busy and ${this.#waiting.length} requests wait`,
      { retryAfterMs: 1000 },
    );
  }

  /** Adds a run; it replaces an earlier attempt of its job. Throws as {@linkcode check} does. */
  add(run: R, freeSlots: number): void {
    const { jobId, attempt } = run.answer.spec;
    this.check(run.answer.spec, freeSlots);
    const replaced = this.#byJob.get(jobId);
    // Added before the replaced run ends, so that the table does not look idle in between.
    this.#byJob.delete(jobId);
    this.#byJob.set(jobId, run);
    this.#waiting.push(run);
    replaced?.answer.fail(
      new LlorchError("CANCELLED", `Attempt ${attempt} of the job replaces this one`),
    );
  }

  /** The run that has waited longest. */
  get next(): R | undefined {
    return this.#waiting[0];
  }

  /** Removes and returns the run that has waited longest. */
  takeNext(): R | undefined {
    return this.#waiting.shift();
  }

  /** Cancels an attempt of a job, or an earlier one; does nothing if a later one runs. */
  cancel(order: AttemptOrder): void {
    const run = this.#byJob.get(order.jobId);
    if (!run || isLater(run.answer.spec, order)) return;
    run.answer.fail(new LlorchError("CANCELLED", "The job was cancelled"));
  }

  /** Removes a run that has ended. */
  remove(run: R): void {
    const { jobId } = run.answer.spec;
    if (this.#byJob.get(jobId) === run) this.#byJob.delete(jobId);
    const at = this.#waiting.indexOf(run);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#byJob.size > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }

  /** Stops the regular reports. */
  close(): void {
    this.#stopReports();
  }

  /** Ends every run with `WORKER_LOST`, so that its job continues on another worker. */
  failAll(reason: string): void {
    for (const { answer } of this.all()) answer.fail(new LlorchError("WORKER_LOST", reason));
  }

  /**
   * Waits at most this long for runs to end, then ends the rest so that they can continue elsewhere.
   */
  async drain(deadlineMs: number): Promise<void> {
    await deadline(this.#whenIdle(), deadlineMs);
    // A request that is still being prepared is refused.
    this.#isDrained = true;
    this.failAll("The worker stops; the job can continue elsewhere");
  }

  /** Resolves when no run is left. */
  #whenIdle(): Promise<void> {
    if (this.#byJob.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}

/** Whether an attempt comes after another of the same job. */
function isLater(one: AttemptOrder, other: AttemptOrder): boolean {
  return one.epoch === other.epoch ? one.attempt > other.attempt : one.epoch > other.epoch;
}
