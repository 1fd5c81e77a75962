import type { TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { thisTrace } from "#shared/tracing.ts";
import type { Progress } from "../access/job_limits.ts";
import { relay } from "./relay.ts";
import { mayFallBack, type Meaning } from "../scheduler/names.ts";
import type { Effect, JobError, NewJob } from "../scheduler/state.ts";
import type { JobRow, NumberedEvent } from "../store/job_store.ts";
import { Attempts, type AttemptsDeps } from "./attempts.ts";
import { bounded } from "./bounded.ts";
import { storedAttempt } from "./call_attempt.ts";
import { LiveJob } from "./live_job.ts";
import {
  type NewJobFacts,
  steadyTime,
  type SubmissionDeps,
  Submissions,
  type SubmitOptions,
  type Submitted,
} from "./submit.ts";

/** Jobs whose events are read at the same time when they are taken over. */
const READ_AHEAD = 16;

/** Events that are read at a time. */
const PAGE = 1000;

/** Dependencies of {@linkcode Jobs}. */
export type JobsDeps = AttemptsDeps & SubmissionDeps;

/** Accepts jobs and follows them to their end. */
export class Jobs {
  readonly #deps: JobsDeps;
  /** Jobs that have not ended, and those whose last event is not stored yet: nobody else knows it. */
  readonly #live = new Map<string, LiveJob>();
  readonly #attempts: Attempts;
  readonly #submissions: Submissions;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps, (job) => {
      job.facts.letGo?.();
      if (!job.isStoring) this.#live.delete(job.id);
    });
    this.#submissions = new Submissions(deps, {
      live: (jobId) => this.#live.get(jobId),
      open: (facts) => this.#open(facts),
      withdraw: (jobId, message) => this.#withdraw(jobId, message),
    });
  }

  /** A job whose events come from here; it may have ended, if its last event is not stored yet. */
  live(jobId: string): LiveJob | undefined {
    return this.#live.get(jobId);
  }

  get #unended(): LiveJob[] {
    return [...this.#live.values()].filter(({ ended }) => !ended);
  }

  /** Progress of a tenant's waiting and running jobs. */
  progressOf(tenant: string): Progress[] {
    const now = this.#deps.clock.now();
    return this.#unended.filter(({ facts }) => facts.tenant === tenant).map((job) => {
      const endsInMs = this.#deps.loop.endOf(job.id);
      const staysMs = endsInMs && endsInMs + now - job.facts.createdAt;
      return { tokensIn: job.promptRead, tokensOut: job.tokensOut, endsInMs, staysMs };
    });
  }

  /** Number of running attempts, for an orderly stop; without those of jobs that were released. */
  get running(): number {
    return [...this.#deps.loop.state.running.keys()]
      .filter((id) => this.#live.get(id)?.stream.suspended !== true).length;
  }

  /** See {@linkcode Submissions.submit}. */
  submit(task: TaskRequest, options: SubmitOptions): Promise<Submitted> {
    return this.#submissions.submit(task, options);
  }

  /** See {@linkcode Submissions.requireSenses}. */
  requireSenses(...args: Parameters<Submissions["requireSenses"]>): void {
    this.#submissions.requireSenses(...args);
  }

  /** Ends a job with `CANCELLED`; false when there is no such live job. */
  cancel(jobId: string, message: string): boolean {
    if (this.#live.get(jobId)?.ended !== false) return false;
    this.#withdraw(jobId, message);
    return true;
  }

  #withdraw(jobId: string, message: string): void {
    this.#deps.loop.send({ kind: "cancel", jobId, error: { code: "CANCELLED", message } });
  }

  /** Ends every job of a tenant with `CANCELLED`. */
  cancelOf(tenant: string, message: string): void {
    for (const { id, facts } of this.#unended) {
      if (facts.tenant === tenant) this.cancel(id, message);
    }
  }

  /** Ends a tenant's waiting jobs that have delivered nothing yet. */
  refuseWaiting(tenant: string, { code, message }: LlorchError): void {
    const { loop } = this.#deps;
    for (const { id, facts, tokensOut } of this.#unended) {
      if (facts.tenant !== tenant || tokensOut > 0 || !loop.state.queued.has(id)) continue;
      loop.send({ kind: "cancel", jobId: id, error: { code, message } });
    }
  }

  /** Takes over jobs that an earlier process left unfinished, in their order. */
  async restore(rows: readonly JobRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += READ_AHEAD) {
      const some = rows.slice(at, at + READ_AHEAD);
      const events = await Promise.all(some.map(({ jobId }) => this.#stored(jobId)));
      for (const [n, row] of some.entries()) this.#restore(row, events[n]!);
    }
  }

  async #stored(jobId: string): Promise<NumberedEvent[]> {
    const events: NumberedEvent[] = [];
    for (let after = 0;;) {
      const page = await this.#deps.store.events(jobId, after, PAGE);
      events.push(...page);
      if (page.length < PAGE) return events;
      after = page.at(-1)!.id;
    }
  }

  #restore(row: JobRow, events: readonly NumberedEvent[]): void {
    const { loop, log, clock } = this.#deps;
    if (!row.request) return;
    const meaning = loop.meaning(row.request.model);
    const job = this.#open({
      id: row.jobId,
      request: row.request,
      fingerprint: row.fingerprint,
      meaning,
      choice: this.#choiceOf(meaning, row.fingerprint),
      seed: row.seed,
      createdAt: row.createdAt,
      deadlineAt: row.deadlineAt,
      correlationId: row.jobId,
      tenant: row.tenant,
      isStored: true,
      runAttempt: bounded(
        row.call ? storedAttempt(row.call, this.#deps.config.failover.call_ms) : relay,
        meaning.context,
      ),
      isCall: row.call !== undefined,
    }, { row, events });
    job.endAttempt(clock.now(), "orchestratord was restarted");
    log.info("job_restored", { job_id: job.id, events: events.length });
    loop.send({ kind: "submit", job: this.#again(job) });
    job.prompt.leaveToStore();
  }

  /** Carries out the scheduler's decisions about jobs. */
  apply(effect: Extract<Effect, { kind: "dispatch" | "abort" | "suspect" | "fail" }>): void {
    const job = this.#live.get(effect.jobId);
    if (!job) return;
    if (effect.kind === "dispatch") {
      void job.facts.inTrace(() => this.#attempts.run(job, effect));
    } else if (effect.kind === "abort") {
      job.fence(this.#deps.clock.now(), effect.reason, effect.yields);
    } else if (effect.kind === "suspect") job.suspect(effect.workerId);
    else if (!this.#fallBack(job, effect.error)) this.#attempts.fail(job, effect.error);
  }

  /** Goes on with the next model that the job's name allows; false if there is none. */
  #fallBack(job: LiveJob, { code, message }: JobError): boolean {
    const { meaning } = job.facts;
    if (!meaning || !job.hasFallback || !mayFallBack(code)) return false;
    const { loop, log, metrics } = this.#deps;
    for (let at = job.choice + 1; at < meaning.choices.length; at++) {
      const choice = meaning.choices[at]!;
      const fingerprint = this.#fingerprintOf(meaning, at);
      if (fingerprint === undefined || !loop.isServed(fingerprint)) continue;
      job.fallBack(at, fingerprint);
      metrics.nameFallbacks.inc({ name: meaning.name });
      log.warn("job_falls_back", {
        job_id: job.id,
        name: meaning.name,
        to: choice.as,
        code,
        message,
      });
      loop.send({ kind: "submit", job: this.#again(job) });
      return true;
    }
    return false;
  }

  /** A live job as the scheduler takes it once more. */
  #again(job: LiveJob): NewJob {
    const { clock } = this.#deps;
    const { id, request, tenant, createdAt, deadlineAt, store, isCall } = job.facts;
    return {
      ...{ id, tenant, model: request.model, priority: request.priority },
      attempt: job.attempts.length,
      fingerprint: job.fingerprint,
      queuedAt: steadyTime(clock, createdAt),
      deadlineAt: deadlineAt && steadyTime(clock, deadlineAt),
      deaths: job.deaths,
      speaks: !isCall,
      isStored: store !== undefined,
      hasFallback: job.hasFallback,
      ...job.prompt.demand(job.fingerprint),
    };
  }

  /** Which of a name's choices has a fingerprint; the first if none has, or none is known. */
  #choiceOf(meaning: Meaning, fingerprint: string): number {
    const at = meaning.choices.findIndex((_, index) =>
      this.#fingerprintOf(meaning, index) === fingerprint
    );
    return Math.max(0, at);
  }

  /** Undefined where no pool has the model. */
  #fingerprintOf(meaning: Meaning, at: number): string | undefined {
    try {
      return this.#deps.loop.resolveChoice(meaning, meaning.choices[at]!, true).fingerprint;
    } catch (error) {
      if (error instanceof LlorchError) return undefined;
      throw error;
    }
  }

  /** The job that a model is loaded for: the one that has waited longest for it. */
  waitingFor(fingerprint: string): LiveJob | undefined {
    for (const { id, fingerprint: wanted } of this.#deps.loop.state.queued.values()) {
      if (wanted === fingerprint) return this.#live.get(id);
    }
    return undefined;
  }

  /** To be called when the database takes writes again, or no longer. */
  storage(isWritable: boolean): void {
    this.#deps.loop.send({ kind: "storage", isWritable });
    if (!isWritable) {
      for (const job of this.#unended) this.#attempts.yieldUnwritten(job);
    }
  }

  /**
   * Starts no more jobs. Waiting jobs that are not stored end at once with an error.
   *
   * @param message Why, for their readers.
   */
  drain(message: string): void {
    const { loop } = this.#deps;
    loop.send({ kind: "drain" });
    const error = { code: "NOT_READY", message } as const;
    for (const { id, facts } of this.#unended) {
      if (!facts.store && loop.state.queued.has(id)) {
        loop.send({ kind: "cancel", jobId: id, error });
      }
    }
  }

  /** Leaves every stored job to the next start: its attempt is aborted, and its readers are released. */
  release(): void {
    for (const job of this.#unended) {
      if (job.facts.store) job.suspend();
    }
  }

  /**
   * Aborts every attempt. A stored job does not end: its readers are released, and the next start takes it
   * over. A job that is not stored ends here.
   *
   * @param message Why, for its readers.
   */
  close(message: string): void {
    for (const job of this.#unended) {
      job.suspend();
      if (!job.facts.store) this.#attempts.fail(job, { code: "NOT_READY", message });
    }
  }

  #open(
    { isStored, ...facts }: NewJobFacts,
    kept?: ConstructorParameters<typeof LiveJob>[1],
  ): LiveJob {
    const { id } = facts;
    const job: LiveJob = new LiveJob({
      ...facts,
      // Captures the submitter's trace; otherwise an attempt would join the trace of whichever request
      // freed its slot.
      inTrace: thisTrace(),
      store: isStored ? this.#deps.store : undefined,
      onBroken: (error) => {
        this.#deps.log.error("job_write_failed", { job_id: id, error });
        this.#withdraw(id, "The job's events can no longer be written to disk");
      },
      onStored: () => this.#live.delete(id),
    }, kept);
    this.#live.set(id, job);
    return job;
  }
}
