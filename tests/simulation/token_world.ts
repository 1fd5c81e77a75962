import { A, pool, Run, worker } from "../../daemons/orchestratord/testing/scheduler.ts";
import type { Effect, Input, State } from "../../daemons/orchestratord/scheduler/state.ts";
import { step } from "../../daemons/orchestratord/scheduler/step.ts";
import { Timers } from "./timers.ts";

/** How the worker of a {@linkcode TokenWorld} computes. */
export interface Pace {
  readonly slots: number;
  readonly tokenMs: number;
  /** How many times longer tokens take at a time in ms: other programs use the host as well. */
  readonly slower?: (now: number) => number;
  /** Time in which a slot that was taken goes on, in ms; undefined: its tokens are read again. */
  readonly restoreMs: number | undefined;
}

/** A job as it is submitted. */
export interface TokenJob {
  readonly tenant: string;
  readonly tokens: number;
  /** @default `tokens` */
  readonly maxTokens?: number;
}

interface Running {
  readonly tenant: string;
  readonly at: number;
  readonly tokens: number;
  has: number;
  attempt: number;
  reportedAt: number;
}

const PROMPT_TOKENS = 50;
const READ_PER_MS = 5;
const REPORT_MS = 250;
const TICK_MS = 250;

/** A scheduler with one worker that never fails and reports its tokens, so that jobs may yield their slots. */
export class TokenWorld {
  readonly timers = new Timers();
  readonly state: State;
  /** How often each job yielded. */
  readonly yields = new Map<string, number>();
  /** Tokens that were delivered. */
  tokens = 0;
  /** Called with a job's first token, once, with the time since it was submitted in ms. */
  onFirst: (tenant: string, afterMs: number) => void = () => {};
  /** Called when a job has ended, with the tokens that it delivered. */
  onEnd: (tenant: string, job: { readonly tokens: number; readonly has: number }) => void =
    () => {};
  readonly #pace: Pace;
  readonly #jobs = new Map<string, Running>();
  #count = 0;

  constructor(pace: Pace, policy: ConstructorParameters<typeof Run>[0]) {
    this.#pace = pace;
    this.state = new Run({ queueTimeoutMs: Infinity, ...policy }).state;
    const workers = [worker("w", A, { slots: pace.slots })];
    const tick = () => {
      this.#send(pool(workers));
      this.#send({ kind: "tick" });
      this.timers.after(TICK_MS, tick);
    };
    tick();
  }

  runUntil(at: number): void {
    while (this.timers.now < at && this.timers.next());
  }

  submit({ tenant, tokens, maxTokens = tokens }: TokenJob): void {
    const { now } = this.timers;
    const id = `${tenant}-${this.#count++}`;
    this.#jobs.set(id, { tenant, at: now, tokens, has: 0, attempt: -1, reportedAt: 0 });
    this.#send({
      kind: "submit",
      job: {
        ...{ id, tenant, maxTokens, queuedAt: now, model: "a", fingerprint: A },
        ...{ priority: "interactive", deadlineAt: undefined, attempt: 0, deaths: 0 },
        ...{ tokensIn: PROMPT_TOKENS, tokensAtMost: PROMPT_TOKENS, affinity: [] },
        ...{ speaks: true, isStored: true },
      },
    });
  }

  #send(input: Input): void {
    for (const effect of step(this.state, input, this.timers.now).effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    if (effect.kind === "dispatch") return this.#run(effect.jobId, effect.attempt);
    if (effect.kind !== "abort") return;
    const { jobId } = effect;
    this.yields.set(jobId, (this.yields.get(jobId) ?? 0) + 1);
    const job = this.#jobs.get(jobId)!;
    job.attempt = -1;
    // Tokens since its last report were delivered, too.
    const more = Math.floor((this.timers.now - job.reportedAt) / this.#pace.tokenMs);
    this.#deliver(job, Math.min(more, job.tokens - job.has - 1));
  }

  #deliver(job: Running, tokens: number): void {
    job.has += tokens;
    this.tokens += tokens;
  }

  #run(jobId: string, attempt: number): void {
    const { tokenMs, restoreMs, slower = () => 1 } = this.#pace;
    const job = this.#jobs.get(jobId)!;
    job.attempt = attempt;
    const before = job.has;
    const after = (ms: number, then: () => void) =>
      this.timers.after(ms, () => {
        if (job.attempt === attempt) then();
      });
    const report = () => {
      job.reportedAt = this.timers.now;
      const tokensOut = job.has - before;
      this.#send({ kind: "progress", jobId, attempt, tokensOut });
      if (job.attempt !== attempt) return;
      const left = job.tokens - job.has;
      if (left > 0) {
        const more = Math.min(left, Math.max(1, Math.floor(REPORT_MS / tokenMs)));
        return after(more * tokenMs * slower(this.timers.now), () => {
          this.#deliver(job, more);
          report();
        });
      }
      job.attempt = -1;
      this.#jobs.delete(jobId);
      const outcome = { kind: "done" as const };
      this.#send({ kind: "attempt_ended", jobId, attempt, tokensOut, outcome });
      this.onEnd(job.tenant, job);
    };
    const readMs = before > 0 && restoreMs !== undefined
      ? restoreMs
      : (PROMPT_TOKENS + before) / READ_PER_MS;
    after(readMs + tokenMs, () => {
      if (before === 0) this.onFirst(job.tenant, this.timers.now - job.at);
      this.#deliver(job, 1);
      report();
    });
  }
}
