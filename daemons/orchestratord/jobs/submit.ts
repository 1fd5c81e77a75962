import { createHash } from "node:crypto";
import type { Clock } from "#shared/clock.ts";
import {
  mediaOf,
  type Sense,
  sensesOf,
  type TaskAccepted,
  type TaskRequest,
  withMedia,
} from "#shared/contracts/mod.ts";
import { deadline, LATE } from "#shared/deadline.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { Config } from "../config.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { Loop } from "../scheduler/loop.ts";
import { type Images, refuseMedia, type TakenImages } from "../images/images.ts";
import { mayFallBack, type Meaning } from "../scheduler/names.ts";
import type { ResolvedModel } from "../scheduler/resolve.ts";
import type { JobRow, Store, StoredCall } from "../store/job_store.ts";
import { checkPromptFits } from "./admission.ts";
import { bounded } from "./bounded.ts";
import { storedAttempt } from "./call_attempt.ts";
import { demandOf } from "./demand.ts";
import type { LiveJob, LiveJobFacts } from "./live_job.ts";
import { relay, type RunAttempt } from "./relay.ts";

/** Phase of an orchestrator's life. */
export type Phase = "restoring" | "serving" | "stopping";

/** Dependencies of {@linkcode Submissions}. */
export interface SubmissionDeps {
  readonly config: Config;
  readonly loop: Loop;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: OrchestratorMetrics;
  readonly images: Images;
  readonly phase: () => Phase;
  /** The transport to workers. */
  readonly http: Deno.HttpClient | undefined;
}

/** What is known of a job when it is opened. */
export type NewJobFacts = Omit<LiveJobFacts, "store" | "onBroken" | "onStored" | "inTrace"> & {
  /** Whether its events are kept in the database. */
  readonly isStored: boolean;
};

/** The live jobs. */
export interface LiveJobs {
  live(jobId: string): LiveJob | undefined;
  open(facts: NewJobFacts): LiveJob;
  withdraw(jobId: string, message: string): void;
}

/** Retry-After during a restart, in ms. */
const RESTART_MS = 2000;

/** How a task is submitted. */
export interface SubmitOptions {
  /** Whether the job is stored: `/v2` tasks are, `/v1` calls are not. */
  readonly durable: boolean;
  readonly idempotencyKey?: string | undefined;
  readonly correlationId: string;
  /** Owner of the job: an API key's id. Without one, each session counts as a tenant. */
  readonly tenant?: string | undefined;
  /** Throws if the job's owner may not have one more; called in the same turn in which the job is added. */
  readonly admit?: () => void;
  /** The task without what a configured name sets, where it sets something: it tells repetitions. */
  readonly asWritten?: TaskRequest | undefined;
  /** Whether errors may name what a configured name stands for; default: true. */
  readonly seesTarget?: boolean;
  /** How long its client wants its worker kept afterwards, in ms. */
  readonly keepMs?: number | undefined;
  /** How an attempt is made; by default the task is generated. */
  readonly runAttempt?: RunAttempt | undefined;
  /** Whether the task may name images by their hash: those of its conversation that are stored. */
  readonly namesImages?: boolean | undefined;
  /** What a durable job asks of a worker in one call, for which its task stands in the queue. */
  readonly call?: StoredCall | undefined;
}

/** What was found out of a task. */
interface Checked {
  readonly jobId: string;
  readonly tenant: string;
  readonly fingerprint: string;
  /** By which its model is known. */
  readonly name: string;
  readonly demand: ReturnType<typeof demandOf>;
  /** Whether it may have ended the worker that counted its tokens. */
  readonly isSuspect: boolean;
}

/** How a task is accepted whose images have been taken. */
interface Accepting extends SubmitOptions {
  readonly taken?: TakenImages;
}

/** How long a submission waits until an earlier try with its key is removed, in ms. */
const REMOVAL_MS = 1_000;

function notKept(reason: string, cause?: unknown): LlorchError {
  const message = `Cannot keep the job: ${reason}`;
  return new LlorchError("NOT_READY", message, { cause, retryAfterMs: 10_000 });
}

/** Another submission has taken a task's idempotency key since it was looked up. */
class KeyTaken extends Error {}

/** An accepted task, or one that was submitted before with the same idempotency key. */
export interface Submitted {
  readonly accepted: TaskAccepted;
  /** Undefined for a repeated one that has ended. */
  readonly job: LiveJob | undefined;
  /** Set if it was submitted before, with the same key. */
  readonly isRepeat?: true;
}

/** Accepts tasks: each becomes a job or is refused. */
export class Submissions {
  readonly #deps: SubmissionDeps;
  readonly #jobs: LiveJobs;
  /** Submissions in progress by idempotency key: a second one waits for the first. */
  readonly #byKey = new Map<string, Promise<unknown>>();
  /** Refused jobs that may be stored and are being removed, by idempotency key: they count as never sent. */
  readonly #leaving = new Map<string, Promise<void>>();

  constructor(deps: SubmissionDeps, jobs: LiveJobs) {
    this.#deps = deps;
    this.#jobs = jobs;
  }

  /**
   * Accepts a task. When it returns, a durable job is on disk.
   *
   * @throws {LlorchError} with the codes that the routes list
   */
  async submit(task: TaskRequest, options: SubmitOptions): Promise<Submitted> {
    try {
      const submitted = mediaOf(task.messages).length === 0
        ? await this.#accept(task, options)
        : await this.#acceptWithMedia(task, options);
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

  #accept(task: TaskRequest, options: Accepting): Promise<Submitted> {
    return options.idempotencyKey === undefined
      ? this.#take(task, options)
      : this.#takeOnce(task, options, options.idempotencyKey);
  }

  /** Accepts a task in which each image is replaced by its hash. */
  async #acceptWithMedia(task: TaskRequest, options: SubmitOptions): Promise<Submitted> {
    const { images } = this.#deps;
    this.requireSenses(task, options);
    const taken = await images.take(task.messages, options.namesImages);
    const named = (task: TaskRequest): TaskRequest => ({
      ...task,
      messages: withMedia(task.messages ?? [], taken.urlOf),
    });
    const { asWritten = task } = options;
    // In memory until the job holds them itself.
    const letGo = images.hold(taken);
    try {
      return await this.#accept(named(task), { ...options, asWritten: named(asWritten), taken });
    } finally {
      letGo();
    }
  }

  /**
   * Refuses images and sounds that no model of a name takes, before they are read.
   *
   * @throws {LlorchError} `INVALID_REQUEST`, or why there is no such model
   */
  requireSenses(
    { model, messages }: Pick<TaskRequest, "model" | "messages">,
    { seesTarget = true }: Pick<SubmitOptions, "seesTarget"> = {},
  ): void {
    const meaning = this.#deps.loop.meaning(model);
    let absent: LlorchError | undefined;
    let isBlind = false;
    for (const at of meaning.choices.keys()) {
      try {
        const { fingerprint } = this.#resolve(meaning, at, seesTarget);
        if (this.#missing(fingerprint, messages).length === 0) return;
        isBlind = true;
      } catch (error) {
        if (!(error instanceof LlorchError)) throw error;
        absent ??= error;
      }
    }
    if (absent && !isBlind) throw absent;
    refuseMedia(messages, sensesOf(messages), `"${meaning.name}"`);
  }

  /** The senses that messages need and a model has not. */
  #missing(fingerprint: string, messages: TaskRequest["messages"]): Sense[] {
    return sensesOf(messages).filter((sense) => !this.#deps.loop.hasSense(fingerprint, sense));
  }

  /** Path of a job's event stream, as clients see it. */
  #eventsUrl(jobId: string): string {
    return `${this.#deps.config.base_path}/v2/tasks/${jobId}/events`;
  }

  async #takeOnce(task: TaskRequest, options: Accepting, key: string): Promise<Submitted> {
    while (this.#byKey.has(key)) await this.#byKey.get(key);
    const leaving = this.#leaving.get(key);
    if (leaving && await deadline(leaving, REMOVAL_MS) === LATE) {
      throw notKept("an earlier try with this Idempotency-Key is still being removed");
    }
    const work = this.#takeKeyed(task, options, key);
    // Kept without its outcome: a later submission checks the store, however this one ends.
    this.#byKey.set(key, work.then(() => {}, () => {}));
    try {
      return await work;
    } finally {
      this.#byKey.delete(key);
    }
  }

  async #takeKeyed(task: TaskRequest, options: Accepting, key: string): Promise<Submitted> {
    while (true) {
      const prior = await this.#deps.store.findByKey(key);
      if (prior) return this.#repeated(prior, task, options);
      try {
        return await this.#take(task, options);
      } catch (error) {
        // Each round has lost against another submission, whose job is found next.
        if (!(error instanceof KeyTaken)) throw error;
      }
    }
  }

  /** Answers with the job that a task became when it was submitted before. */
  #repeated(prior: JobRow, task: TaskRequest, options: Accepting): Submitted {
    if (prior.bodySha256 !== bodyHash(options.asWritten ?? task, options.call)) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot use this Idempotency-Key again: it belongs to job "${prior.jobId}" with another body`,
        { details: { job_id: prior.jobId } },
      );
    }
    return {
      job: this.#jobs.live(prior.jobId),
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

  /** Takes a task for its model, or for the first of its name's fallbacks that can run it. */
  async #take(task: TaskRequest, options: Accepting): Promise<Submitted> {
    const meaning = this.#deps.loop.meaning(task.model);
    let refusal: LlorchError | undefined;
    for (const at of meaning.choices.keys()) {
      try {
        return await this.#takeAs(task, options, meaning, at);
      } catch (error) {
        if (!(error instanceof LlorchError) || !mayFallBack(error.code)) throw error;
        refusal ??= error;
      }
    }
    throw refusal;
  }

  async #takeAs(
    task: TaskRequest,
    options: Accepting,
    meaning: Meaning,
    at: number,
  ): Promise<Submitted> {
    const { loop, config, http, images } = this.#deps;
    const { fingerprint, name } = this.#resolve(meaning, at, options.seesTarget ?? true);
    const { taken, durable } = options;
    if (taken) {
      refuseMedia(task.messages, this.#missing(fingerprint, task.messages), `"${meaning.name}"`);
    }
    const tenant = options.tenant ?? task.session_id ?? "";
    const demand = demandOf(task, fingerprint, tenant);
    const isSuspect = await checkPromptFits(task, demand.tokensAtMost, fingerprint, loop.state, {
      timeoutMs: config.pools.call_timeout_ms,
      http,
    }, meaning.context);
    const jobId = `job-${crypto.randomUUID()}`;
    const settled = taken && durable ? await images.keep(jobId, taken) : undefined;
    try {
      const found = { jobId, tenant, fingerprint, name, demand, isSuspect };
      return await this.#enter(task, options, meaning, at, found);
    } finally {
      settled?.();
    }
  }

  /** Removes a refused job, once that can be written. */
  #remove(jobId: string, key: string | undefined): void {
    const removed = this.#deps.store.remove(jobId).catch(() => {}).finally(() => {
      if (key !== undefined && this.#leaving.get(key) === removed) this.#leaving.delete(key);
    });
    if (key !== undefined) this.#leaving.set(key, removed);
  }

  /** Adds a checked task to the queue, or refuses it. */
  async #enter(
    task: TaskRequest,
    options: Accepting,
    meaning: Meaning,
    at: number,
    { jobId, tenant, fingerprint, name, demand, isSuspect }: Checked,
  ): Promise<Submitted> {
    const { loop, store, clock, metrics, images } = this.#deps;
    // What is not sent need not be removed again.
    const failure = options.durable ? store.failure() : undefined;
    if (failure !== undefined) throw notKept(`the database cannot be written (${failure})`);
    const { durable, correlationId, idempotencyKey, call, taken } = options;
    const runAttempt = call
      ? storedAttempt(call, this.#deps.config.failover.call_ms)
      : options.runAttempt ?? relay;
    const isCall = runAttempt !== relay;
    // No `await` between the check of the bounds and the submission.
    options.admit?.();
    const place = loop.place(
      { ...demand, priority: task.priority, fingerprint, tenant, speaks: !isCall },
      task.deadline_ms,
      at > 0,
    );
    const now = clock.now();
    const seed = task.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
    const request = { ...task, model: name, seed };
    const deadlineAt = task.deadline_ms === undefined ? undefined : now + task.deadline_ms;
    const job = this.#jobs.open({
      id: jobId,
      request,
      fingerprint,
      meaning,
      choice: at,
      seed,
      createdAt: now,
      deadlineAt,
      correlationId,
      tenant,
      isStored: durable,
      runAttempt: bounded(runAttempt, meaning.context),
      isCall,
      ...(taken && !durable ? { letGo: images.hold(taken) } : {}),
    });
    const committed = job.accept(
      { event: "queued", data: { job_id: jobId, ...place } },
      async (queued) => {
        const holder = await store.accept({
          jobId,
          idempotencyKey,
          bodySha256: bodyHash(options.asWritten ?? task, call),
          request,
          call,
          fingerprint,
          seed,
          createdAt: now,
          deadlineAt,
          tenant,
        }, queued);
        if (holder !== jobId) throw new KeyTaken(holder);
      },
    );
    const { model, priority } = request;
    loop.send({
      kind: "submit",
      job: {
        ...{ id: jobId, model, fingerprint, priority, tenant, attempt: 0 },
        deaths: isSuspect ? 1 : 0,
        speaks: !isCall,
        isStored: durable,
        hasFallback: job.hasFallback,
        ...(options.keepMs === undefined ? {} : { keepMs: options.keepMs }),
        queuedAt: steadyTime(clock, now),
        deadlineAt: deadlineAt && steadyTime(clock, deadlineAt),
        ...demand,
      },
    });
    try {
      await committed;
      if (durable) await store.sync();
      job.prompt.leaveToStore();
    } catch (error) {
      job.abandon();
      if (error instanceof KeyTaken) {
        this.#jobs.withdraw(jobId, `Job ${error.message} has the same Idempotency-Key`);
        throw error;
      }
      this.#jobs.withdraw(jobId, "The job could not be written to disk");
      // The job may be committed but not synced: the next start must not run a refused job.
      if (durable) this.#remove(jobId, idempotencyKey);
      const reason = errorMessage(error instanceof LlorchError ? error.cause : error);
      throw notKept(`the database cannot be written (${reason})`, error);
    }
    if (meaning.isConfigured) metrics.nameJobs.inc({ name });
    if (at > 0) metrics.nameFallbacks.inc({ name });
    this.#deps.log.info("job_accepted", {
      job_id: jobId,
      correlation_id: correlationId,
      model,
      priority,
      durable,
    });
    return {
      job,
      accepted: {
        ...{ job_id: jobId, status: "queued", ...place, seed },
        events_url: this.#eventsUrl(jobId),
      },
    };
  }

  /**
   * @throws {LlorchError} as {@linkcode Loop.resolveChoice}, and `POOL_UNAVAILABLE` where a further choice
   * may answer instead; `NOT_READY` during a stop, or while pools are still being asked for their models
   * after a start
   */
  #resolve(meaning: Meaning, at: number, seesTarget: boolean): ResolvedModel {
    const { loop } = this.#deps;
    const phase = this.#deps.phase();
    if (phase === "stopping") {
      throw new LlorchError("NOT_READY", "The orchestrator is stopping: try again in a moment", {
        retryAfterMs: RESTART_MS,
      });
    }
    try {
      const resolved = loop.resolveChoice(meaning, meaning.choices[at]!, seesTarget);
      if (meaning.choices.length === 1 || loop.isServed(resolved.fingerprint)) return resolved;
      const message = `Cannot run "${meaning.name}": every pool that has its model is unavailable`;
      throw new LlorchError("POOL_UNAVAILABLE", message, { retryAfterMs: 5000 });
    } catch (error) {
      if (phase === "serving") throw error;
      const message =
        `Cannot find model "${meaning.name}" yet: pools are still being asked for their models`;
      throw new LlorchError("NOT_READY", message, { cause: error, retryAfterMs: RESTART_MS });
    }
  }
}

/** Converts ms since the epoch to the scheduler's steady clock, which is never set. */
export function steadyTime(clock: Clock, time: number): number {
  return time - clock.now() + clock.steady();
}

/** Hash of a task, to tell a repeated submission from a different one with the same key. */
function bodyHash(task: TaskRequest, call?: StoredCall): string {
  const text = JSON.stringify(task) + (call === undefined ? "" : JSON.stringify(call));
  return createHash("sha256").update(text).digest("hex");
}
