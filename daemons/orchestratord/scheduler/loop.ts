import type { Clock } from "#shared/clock.ts";
import type { Attempt, Sense } from "#shared/contracts/mod.ts";
import type { Happened, Watch } from "./watch.ts";
import { isServed, startsAtOnce } from "./fallbacks.ts";
import type { Choice, Meaning } from "./names.ts";
import {
  hasSense,
  meaningIn,
  nameIndex,
  type NameWarning,
  nameWarnings,
  resolveChoice,
  type ResolvedModel,
} from "./resolve.ts";
import { type Effect, initialState, type Input, type Policy, type State } from "./state.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Load, loadOf } from "./loading.ts";
import { type Asked, endOf, lateBy, type Start, startOf, startsOf } from "./forecast.ts";
import { RecentForecasts } from "./recent_forecasts.ts";
import { refusalOf } from "./capacity.ts";
import { step } from "./step.ts";
import { isLoadedOrLoading } from "./workers.ts";

/** Carries out one decision of the scheduler. Must neither throw nor block. */
export type Effects = (effect: Effect) => void;

/** A job that has ended, as stored. */
export interface EndedJob {
  readonly fingerprint: string;
  readonly attempts: readonly Attempt[];
  /** ms since the epoch. */
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly usage: { readonly tokens_in: number; readonly tokens_out: number } | undefined;
  readonly stopReason: string | undefined;
}

/** A job's position in the queue of its model, and when it should start. */
export interface Place {
  /** Jobs ahead of it. */
  readonly queue_position: number;
  /** From now, in ms. */
  readonly predicted_start_ms: number;
}

/**
 * The only owner of the scheduler's state. Every event is sent here as an input. An input that an effect
 * sends is handled after all effects of the current step.
 */
export class Loop {
  #state: State;
  readonly #clock: Clock;
  readonly #forecasts = new RecentForecasts();
  readonly #mayDecide: () => boolean;
  #effects: Effects = () => {};
  #inputs: Input[] = [];
  #busy = false;
  #names: ReturnType<typeof nameIndex> | undefined;
  #watch: Watch | undefined;
  #report: (happened: Happened) => void = () => {};

  /**
   * @param start See {@linkcode initialState}.
   * @param mayDecide While it says no, inputs wait for {@linkcode goOn}.
   */
  constructor(policy: Policy, clock: Clock, start?: number, mayDecide = () => true) {
    this.#state = initialState(policy, start);
    this.#clock = clock;
    this.#mayDecide = mayDecide;
  }

  /** Sets what carries out effects; call once, before the first input. */
  connect(effects: Effects): void {
    this.#effects = effects;
  }

  /** Runs `watch` around every step, and passes what it finds to `report`. */
  observe(watch: Watch, report: (happened: Happened) => void): void {
    this.#watch = watch;
    this.#report = report;
  }

  /** The state, read-only. */
  get state(): Readonly<State> {
    return this.#state;
  }

  send(input: Input): void {
    // What has waited is decided by the time at which it goes on.
    if (input.kind === "tick" && !this.#mayDecide()) return;
    this.#inputs.push(input);
    this.goOn();
  }

  /** Handles the inputs that have waited while nothing could be decided. */
  goOn(): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#inputs.length > 0 && this.#mayDecide()) {
        const next = this.#inputs.shift()!;
        const activitiesOf = this.#watch?.(this.#state, next);
        const { state, effects } = step(this.#state, next, this.#clock.steady());
        this.#state = state;
        if (next.kind === "pool_seen" || next.kind === "pool_left" || next.kind === "tick") {
          this.#names = undefined;
        }
        for (const happened of activitiesOf?.(state, effects) ?? []) this.#report(happened);
        for (const effect of effects) this.#effects(effect);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Takes the figures of a job that ended before this start, to predict how long jobs take. */
  remember(job: EndedJob): void {
    const { fingerprint, attempts, firstTokenAt, endedAt, usage, stopReason } = job;
    const startedAt = Date.parse(attempts.at(-1)?.started_at ?? "");
    if (endedAt === undefined || !usage || Number.isNaN(startedAt)) return;
    const serviceMs = Math.max(0, endedAt - startedAt);
    const { tokens_in: tokensIn, tokens_out: tokensOut } = usage;
    // The first token of a job with several attempts may not be this attempt's.
    const firstTokenMs = attempts.length > 1 || firstTokenAt === undefined
      ? undefined
      : Math.max(0, firstTokenAt - startedAt);
    const isCut = stopReason === "length";
    const speaks = tokensOut > 0;
    const served = { serviceMs, firstTokenMs, tokensIn, tokensOut, isCut, speaks };
    this.send({ kind: "history", fingerprint, served: { ...served, answerTokens: tokensOut } });
  }

  /** What a client means by a name; see {@linkcode meaningIn}. */
  meaning(given: string): Meaning {
    return meaningIn(this.names(), this.#state.policy.names, given);
  }

  /**
   * The model that a name means, fallbacks left aside; see {@linkcode resolveChoice}.
   *
   * @param seesTarget Whether errors may name what a configured name stands for.
   */
  resolve(given: string, seesTarget = true): ResolvedModel {
    const meaning = this.meaning(given);
    return this.resolveChoice(meaning, meaning.choices[0], seesTarget);
  }

  /** See {@linkcode resolveChoice}. */
  resolveChoice(meaning: Meaning, choice: Choice, seesTarget: boolean): ResolvedModel {
    return resolveChoice(this.names(), meaning, choice, this.#state, seesTarget);
  }

  /** See {@linkcode nameWarnings}. */
  nameWarnings(): NameWarning[] {
    return nameWarnings(this.names(), this.#state.policy.names, this.#state);
  }

  /** See {@linkcode isServed}. */
  isServed(fingerprint: string): boolean {
    return isServed(this.#state, fingerprint);
  }

  /** See {@linkcode hasSense}. */
  hasSense(fingerprint: string, sense: Sense): boolean {
    return hasSense(this.#state.pools.values(), fingerprint, sense);
  }

  /** See {@linkcode nameIndex}. */
  names(): ReturnType<typeof nameIndex> {
    return this.#names ??= nameIndex(this.#state.pools.values());
  }

  /**
   * Checks the queue's bound and returns the place that a new job would have.
   *
   * @param deadlineMs In ms from now; undefined for none.
   * @param isFallback It needs no place in a full queue if its model has a free slot.
   * @throws {LlorchError} `QUEUE_FULL`, or `DEADLINE_UNMET` for a job that cannot start in time
   */
  place(
    job: Omit<Asked, "queuedAt" | "delivered">,
    deadlineMs: number | undefined,
    isFallback = false,
  ): Place {
    const now = this.#clock.steady();
    const isFree = startsAtOnce(this.#state, job.fingerprint, now);
    const refusal = isFallback && isFree ? undefined : refusalOf(
      this.#state,
      job.tenant,
      now,
      isFree,
      () => this.#forecasts.leaving(this.#state, now),
    );
    if (refusal) {
      const { retryAfterMs = 0 } = refusal;
      this.send({ kind: "turned_away", tenant: job.tenant, retryAfterMs });
      throw refusal;
    }
    const start = isFree
      ? { ahead: 0, expected: { mean: 0, variance: 0 } }
      : this.#forecasts.startOf(this.#state, { ...job, queuedAt: Infinity, delivered: 0 }, now);
    const place = placeFrom(start);
    const startMs = place.predicted_start_ms;
    // Nothing else might load the model, and its load time would never be measured again.
    const loads = start.ahead === 0 && !isLoadedOrLoading(this.#state, job.fingerprint);
    if (deadlineMs !== undefined && startMs >= deadlineMs && !loads) {
      throw new LlorchError(
        "DEADLINE_UNMET",
        `Cannot start the job within its deadline of ${deadlineMs} ms: ${start.ahead} jobs are ` +
          `ahead of it, and its turn is expected in ${startMs} ms; give it more time, or try again ` +
          "later",
        { retryAfterMs: startMs, retriable: true },
      );
    }
    return place;
  }

  /** The place of an accepted job now; position 0 and 0 ms once it no longer waits. */
  placeOf(jobId: string): Place {
    const job = this.#state.queued.get(jobId);
    if (!job) return { queue_position: 0, predicted_start_ms: 0 };
    const now = this.#clock.steady();
    return placeFrom(startOf(this.#state, job, now), job.notBefore - now);
  }

  /** When some jobs that wait will start, in ms from now, by their ids. */
  startsOf(jobIds: readonly string[]): ReadonlyMap<string, number> {
    const now = this.#clock.steady();
    const followed = new Map<string, ReturnType<typeof startsOf>>();
    const found = new Map<string, number>();
    for (const id of jobIds) {
      const job = this.#state.queued.get(id);
      if (!job) continue;
      const { fingerprint } = job;
      let starts = followed.get(fingerprint);
      if (!starts) followed.set(fingerprint, starts = startsOf(this.#state, fingerprint, now));
      const start = starts.get(job) ?? startOf(this.#state, job, now);
      found.set(id, placeFrom(start, job.notBefore - now).predicted_start_ms);
    }
    return found;
  }

  /** When a job will have ended nine times of ten, in ms from now; undefined where nothing was measured. */
  endOf(jobId: string): number | undefined {
    const job = this.#state.running.get(jobId) ?? this.#state.queued.get(jobId);
    const end = job && endOf(this.#state, job, this.#clock.steady());
    return end && lateBy(end);
  }

  /** The load that a waiting job waits for, with the name of its model as its client wrote it. */
  loadFor(jobId: string): { readonly model: string; readonly load: Load } | undefined {
    const job = this.#state.queued.get(jobId);
    const load = job && loadOf(this.#state, job.fingerprint, this.#clock.steady(), jobId);
    return load && { model: job.model, load };
  }

  /** The load that new jobs of a name would wait for; undefined, too, if the name means no model. */
  loadOfModel(given: string): Load | undefined {
    try {
      return loadOf(this.#state, this.resolve(given).fingerprint, this.#clock.steady());
    } catch (error) {
      if (error instanceof LlorchError) return undefined;
      throw error;
    }
  }
}

/** @param leastMs What its pause leaves, in ms. */
function placeFrom({ ahead, expected }: Start, leastMs = 0): Place {
  return {
    queue_position: ahead,
    predicted_start_ms: Math.round(Math.max(leastMs, expected.mean)),
  };
}
