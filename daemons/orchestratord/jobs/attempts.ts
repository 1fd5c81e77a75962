import { defined } from "#shared/json.ts";
import {
  type EndData,
  type ErrorData,
  inferencePart,
  type JobEvent,
  mediaOf,
  toErrorData,
  type WorkerEvent,
} from "#shared/contracts/mod.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import type { Clock } from "#shared/clock.ts";
import type { ClientOptions } from "#shared/http/client.ts";
import type { Logger } from "#shared/logging.ts";
import { dayOf } from "../access/job_limits.ts";
import type { Config } from "../config.ts";
import type { Images } from "../images/images.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { Loop } from "../scheduler/loop.ts";
import type { Effect, JobError } from "../scheduler/state.ts";
import type { JobPatch } from "../store/job_store.ts";
import type { Charge, KeyStore } from "../store/key_store.ts";
import { callOutcomes } from "./call_outcomes.ts";
import type { LiveJob } from "./live_job.ts";
import type { RelayOutcome } from "./relay.ts";

/** Dependencies of {@linkcode Attempts}. */
export interface AttemptsDeps {
  readonly config: Pick<Config, "failover" | "retention">;
  readonly loop: Pick<Loop, "send" | "state">;
  readonly store: { readonly keys: Pick<KeyStore, "addTokens"> };
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: OrchestratorMetrics;
  readonly images: Pick<Images, "filled">;
  /** The transport to workers. */
  readonly http: Deno.HttpClient | undefined;
  /** The transport of workers' streams. */
  readonly openEvents: NonNullable<ClientOptions["openEvents"]>;
  /** Term of the leadership that decides; undefined: there can be no other. */
  readonly term?: number | undefined;
  /** Called with a higher term that a worker has seen. */
  readonly onSeenTerm?: (term: number) => void;
  /** Called for each job that ends without its output, unless it was cancelled. */
  readonly onFailed: (job: LiveJob, error: ErrorData) => void;
}

/** Runs the attempts of jobs on workers, and ends each job exactly once. */
export class Attempts {
  readonly #deps: AttemptsDeps;
  readonly #onEnded: (job: LiveJob) => void;

  /** @param onEnded Called when a job's last event is on its way to the store. */
  constructor(deps: AttemptsDeps, onEnded: (job: LiveJob) => void) {
    this.#deps = deps;
    this.#onEnded = onEnded;
  }

  /** Runs one attempt to its end and sends the outcome to the scheduler. */
  async run(job: LiveJob, effect: Extract<Effect, { kind: "dispatch" }>): Promise<void> {
    const { clock, config, loop, log } = this.#deps;
    const { worker, attempt, poolId } = effect;
    if (job.isUnresumable) {
      this.fail(job, unresumable());
      loop.send({
        kind: "attempt_ended",
        jobId: job.id,
        attempt,
        tokensOut: 0,
        outcome: { kind: "failed" },
      });
      return;
    }
    const { signal, resume } = job.beginAttempt({
      worker_id: worker.worker_id,
      pool_id: poolId,
      started_at: new Date(clock.now()).toISOString(),
    });
    const fields = { job_id: job.id, attempt, worker_id: worker.worker_id, pool_id: poolId };
    const sender = { epoch: loop.state.start, ...defined({ term: this.#deps.term }) };
    let isComplete = false;
    const run = (request: ReturnType<typeof inferencePart>) =>
      job.facts.runAttempt({
        client: createClient({
          baseUrl: worker.uri ?? "",
          token: worker.token,
          http: this.#deps.http,
          openEvents: this.#deps.openEvents,
        }),
        workerId: worker.worker_id,
        request: { ...request, job_id: job.id, attempt, sender, ...resume },
        signal,
        stallMs: config.failover.stall_ms,
        clock,
        correlationId: job.facts.correlationId,
        onEvent: (event) => {
          if (event.event === "end") isComplete = true;
          return this.#onEvent(job, attempt, signal, event);
        },
      });
    const { prompt: { value: prompt }, facts } = job;
    // Without a wait where there is none: it would cost the first token time.
    const isReady = prompt !== undefined &&
      (facts.isCall === true || mediaOf(prompt.messages).length === 0);
    const attempted = isReady
      ? run(inferencePart({ ...facts.request, ...prompt }))
      : this.#prepared(job, run);
    // Logged after the request was sent, to lose no time before it.
    log.info("job_dispatched", { ...fields, correlation_id: job.facts.correlationId });
    const outcome = await attempted;
    // Nothing of a fenced attempt counts any more: the scheduler has already moved on.
    if (signal.aborted || isComplete || outcome.kind === "done") return;
    const tokensOut = job.tokensOfAttempt;
    const ended = { kind: "attempt_ended", jobId: job.id, attempt, tokensOut } as const;
    if (outcome.kind === "failed" || job.isUnresumable) {
      this.fail(job, outcome.kind === "failed" ? outcome.error : unresumable());
      loop.send({ ...ended, outcome: { kind: "failed" } });
    } else {
      if (outcome.kind === "lost" && outcome.seenTerm !== undefined) {
        this.#deps.onSeenTerm?.(outcome.seenTerm);
      }
      log.warn("attempt_lost", { ...fields, reason: outcome.message });
      job.loseAttempt(clock.now(), outcome.message);
      loop.send({ ...ended, outcome });
    }
  }

  /** Runs an attempt whose prompt is read from the store, and has the bytes of its images and sounds. */
  async #prepared(
    job: LiveJob,
    run: (request: ReturnType<typeof inferencePart>) => Promise<RelayOutcome>,
  ): Promise<RelayOutcome> {
    let request: ReturnType<typeof inferencePart>;
    try {
      const prompt = job.prompt.value ?? await job.prompt.stored();
      const messages = prompt.messages && await this.#deps.images.filled(prompt.messages);
      request = inferencePart({ ...job.facts.request, ...prompt, messages });
    } catch (error) {
      if (error instanceof LlorchError) return { kind: "failed", error };
      return { kind: "lost", message: `its request cannot be read: ${errorMessage(error)}` };
    }
    return await run(request);
  }

  #onEvent(
    job: LiveJob,
    attempt: number,
    fence: AbortSignal,
    event: Exclude<WorkerEvent, { event: "error" }>,
  ): Promise<void> | undefined {
    if (fence.aborted) return undefined;
    const { clock, metrics, loop } = this.#deps;
    const now = clock.now();
    const { id: jobId } = job;
    switch (event.event) {
      case "started":
        loop.send({ kind: "heard", jobId, attempt, ...readOf(event.data) });
        if (!job.hasStarted) metrics.queueWait.observe((now - job.facts.createdAt) / 1000);
        return job.start(event.data, now);
      case "token": {
        const { count, isFirst, isFirstOfAttempt, sinceLastMs } = job.takeToken(event.data, now);
        if (isFirst) metrics.ttft.observe((now - job.facts.createdAt) / 1000);
        else if (sinceLastMs !== undefined) metrics.interToken.observe(sinceLastMs / 1000);
        metrics.tokens.inc(count);
        if (isFirstOfAttempt) this.#progress(job, attempt);
        const written = job.emit(event, isFirst ? { patch: { firstTokenAt: now } } : undefined);
        if (written && !loop.state.isStorageWritable) this.yieldUnwritten(job);
        return written;
      }
      case "metrics":
        job.sawPrompt(event.data);
        // Metrics come often enough for fair shares, and far less often than tokens.
        if (job.tokensOfAttempt > 0) this.#progress(job, attempt);
        else loop.send({ kind: "heard", jobId, attempt });
        job.stream.setMetrics({
          ...event.data,
          attempt,
          queue_depth: loop.state.queued.size,
        });
        return undefined;
      case "end": {
        const written = this.#complete(job, event.data);
        // Not after the write: if the worker were lost meanwhile, the job would run again.
        const tokensOut = job.tokensOfAttempt;
        loop.send({ kind: "attempt_ended", jobId, attempt, tokensOut, outcome: { kind: "done" } });
        return written;
      }
    }
  }

  /** Makes a job give its slot back if its unwritten events have reached their bound. */
  yieldUnwritten(job: LiveJob): void {
    const { loop } = this.#deps;
    const attempt = loop.state.running.get(job.id)?.attempt;
    if (attempt === undefined || !job.isFull || job.isUnresumable) return;
    loop.send({ kind: "unwritten", jobId: job.id, attempt });
  }

  #progress(job: LiveJob, attempt: number): void {
    const tokensOut = job.tokensOfAttempt;
    const isTied = job.isUnresumable ? { isTied: true as const } : {};
    this.#deps.loop.send({ kind: "progress", jobId: job.id, attempt, tokensOut, ...isTied });
  }

  #complete(job: LiveJob, data: EndData): Promise<void> | undefined {
    const { tokens_in, tokens_cached, tokens_out, reasoning_tokens, validated } = data;
    const { metrics } = this.#deps;
    metrics.ended.inc({ outcome: "completed" });
    metrics.reasoningTokens.inc(reasoning_tokens ?? 0);
    for (const outcome of callOutcomes(job.facts.request, data)) metrics.calls.inc({ outcome });
    if (validated !== undefined) {
      metrics.validated.inc({ outcome: validated ? "valid" : "invalid" });
    }
    return this.#end(job, { event: "end", data: { ...data, seed: job.facts.seed } }, {
      status: "completed",
      usage: { tokens_in, tokens_cached, tokens_out, ...defined({ reasoning_tokens }) },
      stopReason: data.stop_reason,
    });
  }

  /** Ends a job with an error. */
  fail(job: LiveJob, cause: JobError | LlorchError): void {
    const error = cause instanceof LlorchError
      ? cause
      : new LlorchError(cause.code, cause.message, cause);
    const data = toErrorData(error);
    const outcome = error.code === "CANCELLED" ? "cancelled" : "failed";
    this.#deps.metrics.ended.inc({ outcome });
    if (error.code === "REQUEST_UNSAFE") this.#deps.metrics.unsafe.inc();
    if (outcome === "failed") this.#deps.onFailed(job, data);
    const { usage } = job;
    const patch = { status: outcome, error: data, ...(usage ? { usage } : {}) } as const;
    this.#end(job, { event: "error", data }, patch);
  }

  /** What the API key that a job belongs to is charged for it, if any. */
  #charge(job: LiveJob, usage: JobPatch["usage"], now: number): Charge | undefined {
    const tokens = (usage?.tokens_in ?? 0) + Math.max(usage?.tokens_out ?? 0, job.tokensOut);
    const { meaning } = job.facts;
    if (meaning?.isConfigured) this.#deps.metrics.nameTokens.inc({ name: meaning.name }, tokens);
    if (tokens === 0 || job.facts.tenant === "") return undefined;
    return { keyId: job.facts.tenant, day: dayOf(now), tokens };
  }

  #end(
    job: LiveJob,
    event: Extract<JobEvent, { event: "end" | "error" }>,
    patch: JobPatch,
  ): Promise<void> | undefined {
    const now = this.#deps.clock.now();
    const charge = this.#charge(job, patch.usage, now);
    if (charge && !job.facts.store) {
      this.#deps.store.keys.addTokens(charge)
        .catch((error) => this.#deps.log.error("tokens_write_failed", { job_id: job.id, error }));
    }
    this.#deps.log.info("job_ended", {
      job_id: job.id,
      correlation_id: job.facts.correlationId,
      status: patch.status,
      ...(event.event === "error" ? { code: event.data.code } : {}),
      attempts: job.attempts.length,
      tokens_out: job.tokensOut,
      duration_ms: now - job.facts.createdAt,
    });
    const contentExpiresAt = now + this.#deps.config.retention.unread_ms;
    const full = job.finish(event, now, { ...patch, contentExpiresAt }, charge);
    this.#onEnded(job);
    return full;
  }
}

/** The error of an interrupted answer that cannot go on, because the engine does not report token ids. */
function unresumable(): LlorchError {
  return new LlorchError(
    "WORKER_LOST",
    "The worker was lost in the middle of the answer, and its engine does not report the token ids that " +
      "are needed to go on: send the request again",
  );
}

/** How many tokens of its prompt an attempt reads, if its worker says so. */
function readOf(
  { tokens_in, tokens_cached }: Extract<WorkerEvent, { event: "started" }>["data"],
): { tokensRead?: number } {
  return tokens_in === undefined ? {} : { tokensRead: tokens_in - (tokens_cached ?? 0) };
}
