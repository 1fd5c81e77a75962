import { defined } from "#shared/json.ts";
import {
  type Attempt,
  isTerminal,
  type MetricsData,
  type QueueView,
  type StoredJobEvent,
  type TaskRequest,
  type TokenData,
  type WorkerEvent,
} from "#shared/contracts/mod.ts";
import type { Clock } from "#shared/clock.ts";
import type { Meaning } from "../scheduler/names.ts";
import type { RunAttempt } from "./relay.ts";
import { JobStream } from "./job_stream.ts";
import { JobPrompt, type PromptlessTask } from "./prompt.ts";
import type {
  Addition,
  JobPatch,
  JobRow,
  JobStore,
  NumberedEvent,
  Usage,
} from "../store/job_store.ts";
import { Fenced } from "../store/fenced.ts";
import type { Charge } from "../store/key_store.ts";

/** Unwritten events above which the worker's stream has to wait. */
const MAX_PENDING_EVENTS = 256;

/** What does not change during a live job. */
export interface LiveJobFacts {
  readonly id: string;
  readonly request: TaskRequest;
  /** Of the model that answers, unless a fallback takes over. */
  readonly fingerprint: string;
  /** What its model's name means; undefined: the model of that name, and nothing else. */
  readonly meaning?: Meaning | undefined;
  /** Which of the meaning's choices answers, unless a further one takes over; default: the first. */
  readonly choice?: number | undefined;
  readonly seed: number;
  /** ms since the epoch. */
  readonly createdAt: number;
  /** ms since the epoch. */
  readonly deadlineAt: number | undefined;
  /** Undefined for a job that is not stored. */
  readonly store: JobStore | undefined;
  /** Called once when the job's events can no longer be stored. */
  readonly onBroken: (error: unknown) => void;
  /** Called once the events of a job that has ended are stored, or never will be. */
  readonly onStored: () => void;
  readonly correlationId: string;
  /** Runs something as part of the trace of the request that submitted the job. */
  readonly inTrace: <T>(work: () => T) => T;
  /** Runs one attempt on a worker. */
  readonly runAttempt: RunAttempt;
  /** Whether its attempts are calls, which are silent until they end. */
  readonly isCall?: boolean;
  /** Lets go of its images, which are in memory; undefined: it has none, or they are stored. */
  readonly letGo?: () => void;
  /** Owner of the job; see `JobRow`. */
  readonly tenant: string;
}

/** An attempt that has begun. */
export interface BegunAttempt {
  /** Aborts when the attempt is fenced: then none of its events count any more. */
  readonly signal: AbortSignal;
  /** The delivered token ids, and the index of the next event. */
  readonly resume: {
    readonly resume_tokens: number[];
    readonly resume_index: number;
    readonly resume_mirostat_mu?: number;
  };
}

/** A token event's position in its job. */
export interface TakenToken {
  /** Tokens that it delivers; none if it is a further part of the text of an earlier one. */
  readonly count: number;
  readonly isFirst: boolean;
  readonly isFirstOfAttempt: boolean;
  /** Time since the token before it in the same attempt, in ms; undefined for the first. */
  readonly sinceLastMs: number | undefined;
}

type WorkerStarted = Extract<WorkerEvent, { event: "started" }>["data"];

/**
 * A job that has not ended: numbers its events, stores them, and shows them to readers once they are
 * committed. It knows exactly which tokens were delivered, and the next attempt resumes from them.
 */
export class LiveJob {
  readonly facts: Omit<LiveJobFacts, "request"> & { readonly request: PromptlessTask };
  readonly stream: JobStream;
  /** Its prompt, which is apart from the other fields of its request. */
  readonly prompt: JobPrompt;
  readonly #attempts: Attempt[];
  /** Token ids delivered so far. */
  readonly #ids: number[] = [];
  /** Mirostat's state after them; undefined: the job does not use it. */
  #mirostatMu: number | undefined;
  /** Index of the next `token` event. */
  #nextIndex = 0;
  /** Whether text came before any token id: then the worker's engine does not report them. */
  #isUnresumable = false;
  /** What was delivered before the running attempt. */
  #before = { ids: 0, events: 0 };
  /** Tokens of the prompt, once a worker has reported them. */
  #promptSize: number | undefined;
  #promptRead = 0;
  #startedAt: number | undefined;
  /** The model that its last `started` event names, if that is a fallback. */
  #startedAs: string | undefined;
  #choice: number;
  #fingerprint: string;
  #firstTokenAt: number | undefined;
  /** In the running attempt, in ms since the epoch. */
  #firstOfAttemptAt: number | undefined;
  #lastTokenAt: number | undefined;
  /** Ends the running attempt. */
  #abort: AbortController | undefined;
  /** Withdraws the pending cancel of a job that its last reader has left. */
  #dropGrace: (() => void) | undefined;
  #nextId = 1;
  #ended = false;
  /** While its first event is being stored: what is stored with it is shown after it. */
  #accepting: Promise<void> | undefined;
  /** Events that are not written yet. */
  #pending = 0;
  /** What is collected for the store's next write. */
  #next:
    | { readonly events: NumberedEvent[]; readonly patch: JobPatch; charge: Charge | undefined }
    | undefined;
  /** Settles when the write of {@linkcode #next} is done. */
  #written: Promise<void> = Promise.resolve();

  constructor(
    { request, ...facts }: LiveJobFacts,
    kept?: { row: JobRow; events: readonly NumberedEvent[] },
  ) {
    this.prompt = new JobPrompt(request, facts);
    this.facts = { ...facts, request: this.prompt.rest };
    const { store, id } = facts;
    this.#choice = facts.choice ?? 0;
    this.#fingerprint = facts.fingerprint;
    this.#attempts = [...kept?.row.attempts ?? []];
    this.#startedAt = kept?.row.startedAt;
    this.#firstTokenAt = kept?.row.firstTokenAt;
    for (const { id, event } of kept?.events ?? []) {
      this.#nextId = id + 1;
      if (event.event === "token") this.#count(event.data);
      if (event.event === "started") {
        this.#startedAs = event.data.fallback ? event.data.model : undefined;
      }
    }
    this.stream = new JobStream(
      store && ((after, limit) => store.events(id, after, limit)),
      this.#nextId - 1,
    );
  }

  get id(): string {
    return this.facts.id;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether some of its events are still being stored. Readers do not see them before that. */
  get isStoring(): boolean {
    return this.#pending > 0;
  }

  /** Of the model that answers now. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  /** Which of the choices of its name answers now. */
  get choice(): number {
    return this.#choice;
  }

  /** The name of the fallback that answers; undefined: the target does. */
  get fallback(): string | undefined {
    return this.#choice === 0 ? undefined : this.facts.meaning?.choices[this.#choice]?.as;
  }

  /** Whether a further choice of its name may still answer: before the first token, if there is one. */
  get hasFallback(): boolean {
    const choices = this.facts.meaning?.choices.length ?? 1;
    return this.#choice + 1 < choices && this.#nextIndex === 0;
  }

  /** Every attempt, oldest first. */
  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  /** Tokens delivered so far; if the worker's engine does not report their ids, one per event. */
  get tokensOut(): number {
    return this.#isUnresumable ? Math.max(this.#ids.length, this.#nextIndex) : this.#ids.length;
  }

  /** Tokens that the running attempt has delivered; at least one after its first token event. */
  get tokensOfAttempt(): number {
    const { ids, events } = this.#before;
    if (this.#nextIndex === events) return 0;
    return Math.max(1, this.tokensOut - ids);
  }

  /** Tokens of the prompt that a worker has read. */
  get promptRead(): number {
    return this.#promptRead;
  }

  /** When its first token came, in ms since the epoch; undefined before. */
  get firstTokenAt(): number | undefined {
    return this.#firstTokenAt;
  }

  /** Whether a worker has begun to compute it, in any attempt. */
  get hasStarted(): boolean {
    return this.#startedAt !== undefined;
  }

  /** Whether its last listener has left; never true for a detached job. */
  get isAbandoned(): boolean {
    const { suspended, readers } = this.stream;
    return !this.#ended && !suspended && readers === 0 && !this.facts.request.detached;
  }

  /** Its running attempt, as clients see it; undefined while it has none. */
  runningView(now: number): QueueView["running"][number] | undefined {
    const attempt = this.#attempts.at(-1);
    if (attempt === undefined || attempt.ended_at !== undefined) return undefined;
    const { id, request, store } = this.facts;
    return {
      job_id: id,
      model: request.model,
      priority: request.priority,
      durable: store !== undefined,
      attempt: this.#attempts.length,
      worker_id: attempt.worker_id,
      pool_id: attempt.pool_id,
      running_ms: Math.max(0, now - Date.parse(attempt.started_at)),
      tokens_out: this.tokensOut,
      ...defined({ tokens_per_second: this.#rate(now) }),
    };
  }

  /** Tokens per second since the running attempt's first token; undefined before its second. */
  #rate(now: number): number | undefined {
    const first = this.#firstOfAttemptAt;
    const further = this.tokensOfAttempt - 1;
    if (first === undefined || further < 1 || now <= first) return undefined;
    return Math.round(10_000 * further / (now - first)) / 10;
  }

  /** Whether text was delivered without its token ids, so that no attempt can go on from there. */
  get isUnresumable(): boolean {
    return this.#isUnresumable;
  }

  /** Whether its unwritten events have reached their bound. */
  get isFull(): boolean {
    return this.#pending > MAX_PENDING_EVENTS;
  }

  /** Adds the first event; `keep` stores it together with the job itself. */
  accept(event: StoredJobEvent, keep: (event: NumberedEvent) => Promise<void>): Promise<void> {
    const numbered = { id: this.#nextId++, event };
    if (!this.facts.store) {
      this.stream.publish([numbered]);
      return Promise.resolve();
    }
    const accepted = keep(numbered).then(() => this.stream.publish([numbered]));
    this.#accepting = accepted.catch(() => {}).finally(() => this.#accepting = undefined);
    return accepted;
  }

  /**
   * Adds an event; ignored after a terminal one.
   *
   * @returns a promise to wait for if too many events are unwritten, otherwise undefined
   */
  emit(
    event: StoredJobEvent,
    more?: Pick<Addition, "patch" | "charge">,
  ): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#ended = isTerminal(event);
    const numbered = { id: this.#nextId++, event };
    const { store } = this.facts;
    if (!store) {
      this.stream.publish([numbered]);
      return undefined;
    }
    this.#pending++;
    const written = this.#write(store, [numbered], more);
    return this.isFull ? written : undefined;
  }

  /** Collects events and changes until the store takes them, so that all of a turn are one write. */
  #write(
    store: JobStore,
    events: readonly NumberedEvent[],
    more?: Pick<Addition, "patch" | "charge">,
  ): Promise<void> {
    if (this.#next) {
      this.#next.events.push(...events);
      Object.assign(this.#next.patch, more?.patch);
      this.#next.charge ??= more?.charge;
      return this.#written;
    }
    const next = { events: [...events], patch: { ...more?.patch }, charge: more?.charge };
    this.#next = next;
    return this.#written = store.append(this.id, () => {
      if (this.#next === next) this.#next = undefined;
      return next;
    }).then(() => this.#accepting).then(() => this.stream.publish(next.events))
      .catch((error) => this.#break(error)).finally(() => {
        this.#pending -= next.events.length;
        if (this.#ended && !this.isStoring) this.facts.onStored();
      });
  }

  /** Changes the stored job without an event. */
  patch(patch: JobPatch): void {
    if (this.#ended) return;
    if (this.facts.store) void this.#write(this.facts.store, [], { patch });
  }

  /** Stores and shows nothing more: the job was refused before its id was given out. */
  abandon(): void {
    this.#ended = true;
  }

  /**
   * Takes a worker's progress through the prompt and the tokens that it resumes from, which come after
   * the prompt.
   */
  sawPrompt(data: Pick<MetricsData, "prompt_done" | "prompt_total">): void {
    const { prompt_done: done = 0, prompt_total: total } = data;
    if (total === undefined) return;
    this.#promptSize = Math.max(0, total - this.#before.ids);
    this.#promptRead = Math.max(this.#promptRead, Math.min(done, this.#promptSize));
  }

  /** Tokens read and delivered, as far as they are known before the end; undefined while there are none. */
  get usage(): Usage | undefined {
    const [tokens_in, tokens_out] = [this.#promptRead, this.tokensOut];
    return tokens_in + tokens_out === 0 ? undefined : { tokens_in, tokens_cached: 0, tokens_out };
  }

  /** Workers in a row that hung or died while this job was the likeliest cause; see `scheduler/suspects.ts`. */
  get deaths(): number {
    const isLastOpen = this.#attempts.at(-1)?.suspect !== true;
    const before = isLastOpen ? this.#attempts.slice(0, -1) : this.#attempts;
    return before.length - 1 - before.findLastIndex(({ suspect }) => suspect !== true);
  }

  /** Marks its latest attempt on a worker as the likeliest cause of that worker's end. */
  suspect(workerId: string): void {
    const index = this.#attempts.findLastIndex(({ worker_id }) => worker_id === workerId);
    const attempt = this.#attempts[index];
    if (!attempt) return;
    this.#attempts[index] = { ...attempt, suspect: true };
    this.patch({ attempts: this.#attempts });
  }

  /** Begins an attempt on a worker. */
  beginAttempt(attempt: Pick<Attempt, "worker_id" | "pool_id" | "started_at">): BegunAttempt {
    this.#abort = new AbortController();
    this.#firstOfAttemptAt = undefined;
    this.#lastTokenAt = undefined;
    this.#before = { ids: this.#ids.length, events: this.#nextIndex };
    this.#attempts.push(attempt);
    this.patch({ status: "dispatched", attempts: this.#attempts });
    return {
      signal: this.#abort.signal,
      resume: {
        resume_tokens: [...this.#ids],
        resume_index: this.#nextIndex,
        ...defined({ resume_mirostat_mu: this.#mirostatMu }),
      },
    };
  }

  /** Lets another choice of its name answer. */
  fallBack(choice: number, fingerprint: string): void {
    this.#choice = choice;
    this.#fingerprint = fingerprint;
  }

  /**
   * Notes that a worker has begun to compute it; only the first time is an event, and again if a fallback
   * has taken over.
   *
   * @returns as {@linkcode emit}
   */
  start(data: WorkerStarted, now: number): Promise<void> | undefined {
    const { fallback } = this;
    if (this.#startedAt !== undefined && this.#startedAs === fallback) {
      this.patch({ status: "running" });
      return undefined;
    }
    this.#startedAt ??= now;
    this.#startedAs = fallback;
    const { request, createdAt } = this.facts;
    // What the worker does before it starts, such as to build a grammar, is no waiting.
    const dispatchedAt = Date.parse(this.#attempts.at(-1)?.started_at ?? "") || now;
    const queue_wait_ms = Math.max(0, dispatchedAt - createdAt);
    const answers = fallback === undefined
      ? { model: request.model }
      : { model: fallback, fallback: true as const };
    return this.emit(
      { event: "started", data: { ...data, ...answers, queue_wait_ms } },
      { patch: { status: "running", startedAt: this.#startedAt, fingerprint: this.#fingerprint } },
    );
  }

  /**
   * Takes note of a token event before it is emitted.
   *
   * @throws {RangeError} when it is not the next one
   */
  takeToken(data: TokenData, now: number): TakenToken {
    if (data.i !== this.#nextIndex) {
      throw new RangeError(`The worker sent token ${data.i} instead of ${this.#nextIndex}`);
    }
    const isFirst = this.#firstTokenAt === undefined;
    const last = this.#lastTokenAt;
    if (last === undefined) this.#clear();
    this.#firstTokenAt ??= now;
    this.#firstOfAttemptAt ??= now;
    this.#lastTokenAt = now;
    const before = this.tokensOut;
    this.#count(data);
    // Generation begins only after the whole prompt was read.
    this.#promptRead = this.#promptSize ?? this.#promptRead;
    const sinceLastMs = last === undefined ? undefined : now - last;
    const count = this.tokensOut - before;
    return { count, isFirst, isFirstOfAttempt: last === undefined, sinceLastMs };
  }

  #count({ t, i, ids = [], call, mirostat_mu }: TokenData): void {
    this.#mirostatMu = mirostat_mu ?? this.#mirostatMu;
    this.#nextIndex = i + 1;
    this.#ids.push(...ids);
    // One token may be the text of several events, so that later ones may have no id.
    const saysSomething = t !== "" || call !== undefined;
    if (saysSomething && this.#ids.length === 0) this.#isUnresumable = true;
  }

  /** Clears its attempts of suspicion, because it has delivered a token. */
  #clear(): void {
    if (!this.#attempts.some(({ suspect }) => suspect)) return;
    for (const [index, { suspect: _, ...attempt }] of this.#attempts.entries()) {
      this.#attempts[index] = attempt;
    }
    this.patch({ attempts: this.#attempts });
  }

  /** Ends a running attempt that was lost; the job waits for the next. */
  loseAttempt(at: number, reason: string): void {
    this.endAttempt(at, reason);
    this.patch({ status: "queued", attempts: this.#attempts });
  }

  /**
   * Ends the running attempt and ignores its further events.
   *
   * @param yielded Whether it gave its slot to others.
   */
  fence(at: number, reason: string, yielded?: true): void {
    this.endAttempt(at, reason, yielded);
    this.#abort?.abort();
  }

  /** Marks the end of the running attempt. */
  endAttempt(at: number, reason?: string, yielded?: true): void {
    const last = this.#attempts.at(-1);
    if (!last || last.ended_at !== undefined) return;
    this.#attempts[this.#attempts.length - 1] = {
      ...last,
      ended_at: new Date(at).toISOString(),
      ...defined({ reason, yielded }),
    };
  }

  /**
   * Sends the last event.
   *
   * @param charge Stored with it, if the job is stored.
   * @returns as {@linkcode emit}
   */
  finish(
    event: Extract<StoredJobEvent, { event: "end" | "error" }>,
    at: number,
    patch: JobPatch,
    charge?: Charge,
  ): Promise<void> | undefined {
    this.keep();
    this.endAttempt(at);
    return this.emit(event, { patch: { ...patch, endedAt: at, attempts: this.#attempts }, charge });
  }

  /** Stops its attempt and releases its readers: a later process takes the job over. */
  suspend(): void {
    this.keep();
    this.#abort?.abort();
    if (this.facts.store) this.stream.suspend();
  }

  /** Cancels it after `graceMs` unless somebody listens again; at once if that is 0. */
  cancelAfter(clock: Pick<Clock, "after">, graceMs: number, cancel: () => void): void {
    if (graceMs === 0) cancel();
    else this.#dropGrace = clock.after(graceMs, cancel);
  }

  /** Withdraws {@linkcode cancelAfter}. */
  keep(): void {
    this.#dropGrace?.();
    this.#dropGrace = undefined;
  }

  /** Ends the stream with an error that cannot be stored; readers who come later get the same error. */
  #break(error: unknown): void {
    // Another one may go on with it: its readers go there.
    if (error instanceof Fenced) return this.suspend();
    this.#ended = true;
    if (!this.stream.ended) {
      const message = "The job's events can no longer be written to disk";
      const data = { code: "INTERNAL" as const, message, retriable: true };
      this.stream.publish([{ id: this.stream.lastId + 1, event: { event: "error", data } }]);
      this.facts.onBroken(error);
    }
  }
}
