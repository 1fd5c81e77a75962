import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import type { ErrorData, TaskAccepted, TaskRequest } from "#shared/contracts/mod.ts";
import type { Clock } from "#shared/clock.ts";
import type { ClientOptions } from "#shared/http/client.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { Config } from "../config.ts";
import type { Loop } from "../scheduler/loop.ts";
import type { Progress } from "../access/job_limits.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import { relay, type RunAttempt } from "./relay.ts";
import type { Effect } from "../scheduler/state.ts";
import type { JobRow } from "../store/job_store.ts";
import type { Store } from "../store/sqlite/store.ts";
import { checkPromptFits } from "./admission.ts";
import { Attempts } from "./attempts.ts";
import { demandOf } from "./demand.ts";
import { LiveJob } from "./live_job.ts";

/** Where an orchestrator is in its life. */
export type Phase = "restoring" | "serving" | "stopping";

/** Dependencies of {@linkcode Jobs}. */
export interface JobsDeps {
  readonly config: Config;
  readonly loop: Loop;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: OrchestratorMetrics;
  readonly phase: () => Phase;
  /** The transport to workers. */
  readonly http: Deno.HttpClient | undefined;
  /** The transport of workers' streams. */
  readonly openEvents: NonNullable<ClientOptions["openEvents"]>;
  /** Is told of each job that ends without its output, unless it was cancelled. */
  readonly onFailed: (job: LiveJob, error: ErrorData) => void;
}

/** After this time a new start should have come, in ms. */
const RESTART_MS = 2000;

/** How a task is submitted. */
export interface SubmitOptions {
  /** `/v2` tasks are kept; `/v1` calls are not. */
  readonly durable: boolean;
  readonly idempotencyKey?: string | undefined;
  readonly correlationId: string;
  /** Whose job it is: an API key's id. Without one, the task's session is its own tenant. */
  readonly tenant?: string | undefined;
  /** Throws when the job's owner may not have one more; nothing waits between it and the job. */
  readonly admit?: () => void;
  /** How an attempt is made; by default the task is generated. */
  readonly runAttempt?: RunAttempt | undefined;
}

/** A task that was taken: the live job, or what is kept of one that was submitted before. */
export interface Submitted {
  readonly accepted: TaskAccepted;
  readonly job: LiveJob | undefined;
  /** It was submitted before, with the same key. */
  readonly isRepeat?: true;
}

/** Accepts jobs and follows them to their end. */
export class Jobs {
  readonly #deps: JobsDeps;
  readonly #live = new Map<string, LiveJob>();
  /** Submissions in progress by idempotency key: a second one waits for the first. */
  readonly #byKey = new Map<string, Promise<unknown>>();

  readonly #attempts: Attempts;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps, (job) => this.#live.delete(job.id));
  }

  live(jobId: string): LiveJob | undefined {
    return this.#live.get(jobId);
  }

  /** How far the jobs of a tenant have come that wait or run. */
  progressOf(tenant: string): Progress[] {
    return [...this.#live.values()].filter(({ facts }) => facts.tenant === tenant).map((job) => ({
      firstTokenAt: job.firstTokenAt,
      tokensIn: job.promptRead,
      tokensOut: job.tokensOut,
      maxTokens: job.facts.request.max_tokens,
      serviceMs: this.#deps.loop.state.rates.get(job.facts.fingerprint)?.serviceMs,
    }));
  }

  /** Attempts that run now, for an orderly stop. */
  get running(): number {
    return this.#deps.loop.state.running.size;
  }

  /**
   * Takes a task. When it returns, a durable job is on disk.
   *
   * @throws {LlorchError} as the routes promise
   */
  async submit(task: TaskRequest, options: SubmitOptions): Promise<Submitted> {
    try {
      const submitted = options.idempotencyKey === undefined
        ? await this.#take(task, options)
        : await this.#takeOnce(task, options, options.idempotencyKey);
      const outcome = submitted.isRepeat ? "repeated" : "accepted";
      this.#deps.metrics.submitted.inc({ outcome });
      return submitted;
    } catch (error) {
      const outcome = error instanceof LlorchError && error.code === "QUEUE_FULL"
        ? "queue_full"
        : "refused";
      this.#deps.metrics.submitted.inc({ outcome });
      throw error;
    }
  }

  /** Ends a job with `CANCELLED`; false when there is no such live job. */
  cancel(jobId: string, message: string): boolean {
    if (!this.#live.has(jobId)) return false;
    this.#deps.loop.send({ kind: "cancel", jobId, error: { code: "CANCELLED", message } });
    return true;
  }

  /** Ends what a tenant has waiting that has delivered nothing yet. */
  refuseWaiting(tenant: string, { code, message }: LlorchError): void {
    const { loop } = this.#deps;
    for (const { id, facts, tokensOut } of [...this.#live.values()]) {
      if (facts.tenant !== tenant || tokensOut > 0 || !loop.state.queued.has(id)) continue;
      loop.send({ kind: "cancel", jobId: id, error: { code, message } });
    }
  }

  /** Takes up a job that an earlier process left unfinished. */
  async restore(row: JobRow): Promise<void> {
    const { store, loop, log } = this.#deps;
    if (!row.request) return;
    const events = [];
    for (let after = 0;;) {
      const page = await store.events(row.jobId, after, 1000);
      if (page.length === 0) break;
      events.push(...page);
      after = page.at(-1)!.id;
    }
    const job = this.#create(row.jobId, row.request, row.fingerprint, row.seed, {
      durable: true,
      correlationId: row.jobId,
      createdAt: row.createdAt,
      deadlineAt: row.deadlineAt,
      tenant: row.tenant,
    }, { row, events });
    job.endAttempt(this.#deps.clock.now(), "orchestratord was restarted");
    log.info("job_restored", { job_id: job.id, events: events.length });
    loop.send({
      kind: "submit",
      job: {
        id: job.id,
        model: row.model,
        fingerprint: row.fingerprint,
        priority: row.priority,
        tenant: row.tenant,
        queuedAt: this.#steady(row.createdAt),
        deadlineAt: row.deadlineAt && this.#steady(row.deadlineAt),
        attempt: job.attempts.length,
        deaths: job.deaths,
        speaks: true,
        isStored: true,
        ...demandOf(row.request, row.fingerprint, row.tenant),
      },
    });
  }

  /** Carries out the scheduler's decisions about jobs. */
  apply(effect: Extract<Effect, { kind: "dispatch" | "abort" | "suspect" | "fail" }>): void {
    const job = this.#live.get(effect.jobId);
    if (!job) return;
    if (effect.kind === "dispatch") {
      void job.facts.inTrace(() => this.#attempts.run(job, effect));
    } else if (effect.kind === "abort") {
      job.endAttempt(this.#deps.clock.now(), effect.reason);
      job.abort?.abort();
    } else if (effect.kind === "suspect") job.suspect(effect.workerId);
    else this.#attempts.fail(job, effect.error);
  }

  /** The job for whose sake a model is loaded: the one that has waited longest for it. */
  waitingFor(fingerprint: string): LiveJob | undefined {
    for (const { id, fingerprint: wanted } of this.#deps.loop.state.queued.values()) {
      if (wanted === fingerprint) return this.#live.get(id);
    }
    return undefined;
  }

  /** The database takes writes again, or does no more. */
  storage(isWritable: boolean): void {
    this.#deps.loop.send({ kind: "storage", isWritable });
    if (!isWritable) {
      for (const job of [...this.#live.values()]) this.#attempts.yieldUnwritten(job);
    }
  }

  /** Starts nothing more. Who waits for a job that is not kept is told so at once. */
  drain(): void {
    const { loop } = this.#deps;
    loop.send({ kind: "drain" });
    const error = { code: "NOT_READY", message: "The orchestrator is stopping" } as const;
    for (const { id, facts } of [...this.#live.values()]) {
      if (!facts.store && loop.state.queued.has(id)) {
        loop.send({ kind: "cancel", jobId: id, error });
      }
    }
  }

  /**
   * Aborts every attempt. A kept job does not end: the next start takes it up, and its readers are
   * let go. One that is not kept ends here.
   */
  close(): void {
    for (const job of [...this.#live.values()]) {
      job.dropGrace?.();
      job.abort?.abort();
      if (job.facts.store) job.stream.suspend();
      else this.#attempts.fail(job, { code: "NOT_READY", message: "The orchestrator is stopping" });
    }
  }

  /** A time since the epoch as the scheduler's clock has it, which nobody sets. */
  #steady(time: number): number {
    const { clock } = this.#deps;
    return time - clock.now() + clock.steady();
  }

  /** Path of a job's event stream, as clients see it. */
  #eventsUrl(jobId: string): string {
    return `${this.#deps.config.base_path}/v2/tasks/${jobId}/events`;
  }

  async #takeOnce(task: TaskRequest, options: SubmitOptions, key: string): Promise<Submitted> {
    while (this.#byKey.has(key)) await this.#byKey.get(key);
    const work = this.#takeKeyed(task, options, key);
    // Kept without its outcome: a later submission looks into the store, whatever came of this one.
    this.#byKey.set(key, work.then(() => {}, () => {}));
    try {
      return await work;
    } finally {
      this.#byKey.delete(key);
    }
  }

  async #takeKeyed(task: TaskRequest, options: SubmitOptions, key: string): Promise<Submitted> {
    const prior = await this.#deps.store.findByKey(key);
    if (!prior) return await this.#take(task, options);
    if (prior.bodySha256 !== bodyHash(task)) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot use this Idempotency-Key again: it belongs to job "${prior.jobId}" with another body`,
        { details: { job_id: prior.jobId } },
      );
    }
    return {
      job: this.#live.get(prior.jobId),
      isRepeat: true,
      accepted: {
        job_id: prior.jobId,
        status: prior.status,
        ...this.#deps.loop.placeOf(prior.jobId),
        seed: prior.seed,
        events_url: this.#eventsUrl(prior.jobId),
      },
    };
  }

  async #take(task: TaskRequest, options: SubmitOptions): Promise<Submitted> {
    const { loop, store, clock } = this.#deps;
    const fingerprint = this.#resolve(task.model);
    const tenant = options.tenant ?? task.session_id ?? "";
    const demand = demandOf(task, fingerprint, tenant);
    const isSuspect = await checkPromptFits(task, demand.tokensAtMost, fingerprint, loop.state, {
      timeoutMs: this.#deps.config.pools.call_timeout_ms,
      http: this.#deps.http,
    });

    // From the check of the bound to the submission nothing waits.
    options.admit?.();
    const place = loop.place({ priority: task.priority, fingerprint, tenant }, task.deadline_ms);
    const now = clock.now();
    const seed = task.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
    const request = { ...task, seed };
    const jobId = `job-${crypto.randomUUID()}`;
    const deadlineAt = task.deadline_ms === undefined ? undefined : now + task.deadline_ms;
    const job = this.#create(jobId, request, fingerprint, seed, {
      ...options,
      createdAt: now,
      deadlineAt,
      tenant,
    });
    const committed = job.accept(
      { event: "queued", data: { job_id: jobId, ...place } },
      (queued) =>
        store.accept({
          jobId,
          idempotencyKey: options.idempotencyKey,
          bodySha256: bodyHash(task),
          request,
          fingerprint,
          seed,
          createdAt: now,
          deadlineAt,
          tenant,
        }, queued),
    );
    const { model, priority } = task;
    loop.send({
      kind: "submit",
      job: {
        ...{ id: jobId, model, fingerprint, priority, tenant, attempt: 0 },
        deaths: isSuspect ? 1 : 0,
        speaks: options.runAttempt === undefined,
        isStored: options.durable,
        queuedAt: this.#steady(now),
        deadlineAt: deadlineAt && this.#steady(deadlineAt),
        ...demand,
      },
    });
    try {
      await committed;
      if (options.durable) await store.sync();
    } catch (error) {
      job.abandon();
      this.cancel(jobId, "The job could not be written to disk");
      const reason = errorMessage(error instanceof LlorchError ? error.cause : error);
      throw new LlorchError(
        "NOT_READY",
        `Cannot keep the job: the database cannot be written (${reason})`,
        { cause: error, retryAfterMs: 10_000 },
      );
    }
    this.#deps.log.info("job_accepted", {
      job_id: jobId,
      correlation_id: options.correlationId,
      model,
      priority,
      durable: options.durable,
    });
    return {
      job,
      accepted: {
        ...{ job_id: jobId, status: "queued", ...place, seed },
        events_url: this.#eventsUrl(jobId),
      },
    };
  }

  /** @throws {LlorchError} `NOT_READY` at a stop, and for a model whose pool may yet come back */
  #resolve(model: string): string {
    const phase = this.#deps.phase();
    if (phase === "stopping") {
      throw new LlorchError("NOT_READY", "The orchestrator is stopping: try again in a moment", {
        retryAfterMs: RESTART_MS,
      });
    }
    try {
      return this.#deps.loop.resolve(model).fingerprint;
    } catch (error) {
      if (phase === "serving") throw error;
      const message = `Cannot tell yet whether there is a model "${model}": pools are being asked`;
      throw new LlorchError("NOT_READY", message, { cause: error, retryAfterMs: RESTART_MS });
    }
  }

  #create(
    id: string,
    request: TaskRequest,
    fingerprint: string,
    seed: number,
    more: {
      durable: boolean;
      correlationId: string;
      createdAt: number;
      deadlineAt: number | undefined;
      tenant: string;
      runAttempt?: RunAttempt | undefined;
    },
    kept?: ConstructorParameters<typeof LiveJob>[1],
  ): LiveJob {
    const { createdAt, deadlineAt, correlationId, tenant, runAttempt = relay } = more;
    const job: LiveJob = new LiveJob({
      id,
      request,
      fingerprint,
      seed,
      createdAt,
      deadlineAt,
      correlationId,
      // Whoever frees its slot would else give the job's attempt a trace.
      inTrace: AsyncLocalStorage.snapshot(),
      tenant,
      runAttempt,
      store: more.durable ? this.#deps.store : undefined,
      onBroken: (error) => {
        this.#deps.log.error("job_write_failed", { job_id: id, error });
        this.cancel(id, "The job's events can no longer be written to disk");
      },
    }, kept);
    this.#live.set(id, job);
    return job;
  }
}

/** Tells a repeated submission from another one under the same key. */
function bodyHash(task: TaskRequest): string {
  return createHash("sha256").update(JSON.stringify(task)).digest("hex");
}
