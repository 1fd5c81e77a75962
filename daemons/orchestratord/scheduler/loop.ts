import type { Clock } from "#shared/clock.ts";
import type { Attempt } from "#shared/contracts/mod.ts";
import type { Happened, Watch } from "./watch.ts";
import { nameIndex, type ResolvedModel, resolveModel } from "./resolve.ts";
import type { Job } from "./job.ts";
import { type Effect, initialState, type Input, type Policy, type State } from "./state.ts";
import { LlorchError } from "#shared/errors.ts";
import { countAhead, countAheadOfQueued } from "./queue.ts";
import { predictStart } from "./rates.ts";
import { refusalOf } from "./capacity.ts";
import { step } from "./step.ts";

/** Carries out what the scheduler decides. Must not throw and must not wait. */
export type Effects = (effect: Effect) => void;

/** A job that has ended, as it is kept. */
export interface EndedJob {
  readonly fingerprint: string;
  readonly attempts: readonly Attempt[];
  /** ms since the epoch. */
  readonly endedAt: number | undefined;
  readonly usage: { readonly tokens_out: number } | undefined;
}

/** Where a job stands among those of its model, and when it should start, in ms from now. */
export interface Place {
  readonly queue_position: number;
  readonly predicted_start_ms: number;
}

/**
 * The one owner of the scheduler's state. Everything that happens is sent here; an input that an
 * effect causes is handled after the effects before it.
 */
export class Loop {
  #state: State;
  readonly #clock: Clock;
  #effects: Effects = () => {};
  #inputs: Input[] = [];
  #busy = false;
  #names: ReturnType<typeof nameIndex> | undefined;
  #watch: Watch | undefined;
  #tell: (happened: Happened) => void = () => {};

  constructor(policy: Policy, clock: Clock) {
    this.#state = initialState(policy);
    this.#clock = clock;
  }

  /** Says who carries out effects; once, before the first input. */
  connect(effects: Effects): void {
    this.#effects = effects;
  }

  /** Has every step looked at, and what it tells passed on. */
  observe(watch: Watch, tell: (happened: Happened) => void): void {
    this.#watch = watch;
    this.#tell = tell;
  }

  /** The state, to look at. */
  get state(): Readonly<State> {
    return this.#state;
  }

  send(input: Input): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
        const told = this.#watch?.(this.#state, next);
        const { state, effects } = step(this.#state, next, this.#clock.steady());
        this.#state = state;
        if (next.kind === "pool_seen" || next.kind === "pool_left" || next.kind === "tick") {
          this.#names = undefined;
        }
        for (const happened of told?.(state, effects) ?? []) this.#tell(happened);
        for (const effect of effects) this.#effects(effect);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Learns from a job that ended before this start how long one takes. */
  remember({ fingerprint, attempts, endedAt, usage }: EndedJob): void {
    const startedAt = Date.parse(attempts.at(-1)?.started_at ?? "");
    if (endedAt === undefined || !usage || Number.isNaN(startedAt)) return;
    const serviceMs = Math.max(0, endedAt - startedAt);
    this.send({ kind: "history", fingerprint, serviceMs, tokensOut: usage.tokens_out });
  }

  /** See {@linkcode resolveModel}. */
  resolve(name: string): ResolvedModel {
    this.#names ??= nameIndex(this.#state.pools.values());
    return resolveModel(this.#names, name, this.#state);
  }

  /** What every name stands for. */
  names(): ReturnType<typeof nameIndex> {
    return this.#names ??= nameIndex(this.#state.pools.values());
  }

  /**
   * Checks the queue's bound and tells where a job would stand among those of its model.
   *
   * @param deadlineMs From now; undefined for none.
   * @throws {LlorchError} `QUEUE_FULL`, or `DEADLINE_UNMET` for a job that cannot start in time
   */
  place(
    job: Pick<Job, "priority" | "fingerprint" | "tenant">,
    deadlineMs: number | undefined,
  ): Place {
    const now = this.#clock.steady();
    const refusal = refusalOf(this.#state, job.tenant, now);
    if (refusal) {
      this.send({ kind: "turned_away", tenant: job.tenant });
      throw refusal;
    }
    const ahead = countAhead(this.#state, job);
    const startMs = predictStart(this.#state, job.fingerprint, ahead, now);
    if (deadlineMs !== undefined && startMs >= deadlineMs) {
      throw new LlorchError(
        "DEADLINE_UNMET",
        `Cannot start the job within its deadline of ${deadlineMs} ms: ${ahead.jobs} jobs are ahead of ` +
          `it, and its turn is expected in ${startMs} ms; give it more time, or try again later`,
        { retryAfterMs: startMs, retriable: true },
      );
    }
    return { queue_position: ahead.jobs, predicted_start_ms: startMs };
  }

  /** Where a job that was taken stands now; at 0 once it does not wait. */
  placeOf(jobId: string): Place {
    const job = this.#state.queued.get(jobId);
    if (!job) return { queue_position: 0, predicted_start_ms: 0 };
    const now = this.#clock.steady();
    const ahead = countAheadOfQueued(this.#state, job);
    const startMs = predictStart(this.#state, job.fingerprint, ahead, now);
    return {
      queue_position: ahead.jobs,
      predicted_start_ms: Math.max(startMs, Math.round(job.notBefore - now)),
    };
  }
}
