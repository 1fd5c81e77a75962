import { defined } from "#shared/json.ts";
import {
  type Attempt,
  isTerminal,
  type MetricsData,
  type QueueView,
  type StoredJobEvent,
  type TaskRequest,
  type WorkerEvent,
} from "#shared/contracts/mod.ts";
import type { Clock } from "#shared/clock.ts";
import type { RunAttempt } from "./relay.ts";
import { JobStream } from "./job_stream.ts";
import type { JobPatch, JobRow, JobStore, NumberedEvent, Usage } from "../store/job_store.ts";

/** Events that may wait to be written before the worker's stream is made to wait. */
const MAX_PENDING_EVENTS = 256;

/** Who a live job is, and what its client asked for. */
export interface LiveJobFacts {
  readonly id: string;
  readonly request: TaskRequest;
  readonly fingerprint: string;
  readonly seed: number;
  readonly createdAt: number;
  readonly deadlineAt: number | undefined;
  /** Absent for a job that is not kept. */
  readonly store: JobStore | undefined;
  /** Called once when the job's events can no longer be kept. */
  readonly onBroken: (error: unknown) => void;
  readonly correlationId: string;
  /** Runs something as a part of the trace of the request that the job came with. */
  readonly inTrace: <T>(work: () => T) => T;
  /** Runs one attempt on a worker. */
  readonly runAttempt: RunAttempt;
  /** Whose job it is; see `JobRow`. */
  readonly tenant: string;
}

/** An attempt that has begun. */
export interface BegunAttempt {
  /** Aborts when the attempt is fenced: then it has nothing more to say. */
  readonly signal: AbortSignal;
  /** Tokens that were delivered before. */
  readonly resumedFrom: number;
  /** What the worker goes on from. */
  readonly resume: { readonly resume_tokens: number[]; readonly resume_index: number };
}

/** What a token is in its job. */
export interface TakenToken {
  readonly isFirst: boolean;
  readonly isFirstOfAttempt: boolean;
  /** Time since the token before it in the same attempt, in ms; undefined for the first. */
  readonly sinceLastMs: number | undefined;
}

type WorkerStarted = Extract<WorkerEvent, { event: "started" }>["data"];

/**
 * A job that has not ended: numbers its events, keeps them, and shows them to readers once they are
 * committed. Knows exactly what was delivered, which is what a next attempt resumes from.
 */
export class LiveJob {
  readonly facts: LiveJobFacts;
  readonly stream: JobStream;
  readonly #attempts: Attempt[];
  /** Token ids delivered so far. */
  readonly #ids: number[] = [];
  /** Index of the next `token` event. */
  #nextIndex = 0;
  /** Tokens of the prompt, once a worker has said so. */
  #promptSize: number | undefined;
  #promptRead = 0;
  #startedAt: number | undefined;
  #firstTokenAt: number | undefined;
  /** In the running attempt. */
  #lastTokenAt: number | undefined;
  /** Ends the running attempt. */
  #abort: AbortController | undefined;
  /** Takes back the cancel that follows when the last reader has left. */
  #dropGrace: (() => void) | undefined;
  #nextId = 1;
  #ended = false;
  /** Events that are not written yet. */
  #pending = 0;
  /** What the store has not taken yet, and when that will be written. */
  #next: { readonly events: NumberedEvent[]; readonly patch: JobPatch } | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(facts: LiveJobFacts, kept?: { row: JobRow; events: readonly NumberedEvent[] }) {
    this.facts = facts;
    const { store, id } = facts;
    this.#attempts = [...kept?.row.attempts ?? []];
    this.#startedAt = kept?.row.startedAt;
    this.#firstTokenAt = kept?.row.firstTokenAt;
    for (const { id, event } of kept?.events ?? []) {
      this.#nextId = id + 1;
      if (event.event !== "token") continue;
      this.#ids.push(...event.data.ids ?? []);
      this.#nextIndex = event.data.i + 1;
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

  /** Every attempt, oldest first. */
  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  /** Tokens delivered so far; where the worker's engine does not tell them, a token for each event. */
  get tokensOut(): number {
    return Math.max(this.#ids.length, this.#nextIndex);
  }

  /** Tokens of the prompt that a worker has read. */
  get promptRead(): number {
    return this.#promptRead;
  }

  /** When its first token came, in ms since the epoch; undefined before. */
  get firstTokenAt(): number | undefined {
    return this.#firstTokenAt;
  }

  /** Whether an attempt has begun to compute. */
  get hasStarted(): boolean {
    return this.#startedAt !== undefined;
  }

  /** Whether nobody listens any more to a job that runs for its listeners. */
  get isAbandoned(): boolean {
    const { suspended, readers } = this.stream;
    return !this.#ended && !suspended && readers === 0 && !this.facts.request.detached;
  }

  /** Its attempt that runs, as clients see it; undefined while it has none. */
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
    };
  }

  /** Whether text was delivered that no attempt could go on from, for want of its token ids. */
  get isUnresumable(): boolean {
    return this.#nextIndex > this.#ids.length;
  }

  /** Whether as many of its events wait to be written as may. */
  get isFull(): boolean {
    return this.#pending > MAX_PENDING_EVENTS;
  }

  /** The first event, kept together with the job itself. */
  accept(event: StoredJobEvent, keep: (event: NumberedEvent) => Promise<void>): Promise<void> {
    const numbered = { id: this.#nextId++, event };
    if (!this.facts.store) {
      this.stream.publish([numbered]);
      return Promise.resolve();
    }
    return keep(numbered).then(() => this.stream.publish([numbered]));
  }

  /**
   * Adds an event; nothing is added after a terminal one.
   *
   * @returns a promise to wait for when too many events are not written yet, else undefined
   */
  emit(event: StoredJobEvent, patch?: JobPatch): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#ended = isTerminal(event);
    const numbered = { id: this.#nextId++, event };
    const { store } = this.facts;
    if (!store) {
      this.stream.publish([numbered]);
      return undefined;
    }
    this.#pending++;
    const written = this.#write(store, [numbered], patch);
    return this.isFull ? written : undefined;
  }

  /** Collects what is to be written until the store takes it: one write for all of a turn. */
  #write(store: JobStore, events: readonly NumberedEvent[], patch: JobPatch = {}): Promise<void> {
    if (this.#next) {
      this.#next.events.push(...events);
      Object.assign(this.#next.patch, patch);
      return this.#written;
    }
    const next = { events: [...events], patch: { ...patch } };
    this.#next = next;
    return this.#written = store.append(this.id, () => {
      if (this.#next === next) this.#next = undefined;
      return next;
    })
      .then(() => this.stream.publish(next.events))
      .catch((error) => this.#break(error))
      .finally(() => this.#pending -= next.events.length);
  }

  /** Changes the kept job without an event. */
  patch(patch: JobPatch): void {
    if (this.#ended) return;
    if (this.facts.store) void this.#write(this.facts.store, [], patch);
  }

  /** Nothing more is kept or shown: the job was refused, and nobody was told its name. */
  abandon(): void {
    this.#ended = true;
  }

  /**
   * Takes what a worker says of its way through the prompt, and through what it resumes from.
   *
   * @param resumed Tokens that it was given to resume from: they stand after the prompt.
   */
  sawPrompt(data: Pick<MetricsData, "prompt_done" | "prompt_total">, resumed: number): void {
    const { prompt_done: done = 0, prompt_total: total } = data;
    if (total === undefined) return;
    this.#promptSize = Math.max(0, total - resumed);
    this.#promptRead = Math.max(this.#promptRead, Math.min(done, this.#promptSize));
  }

  /** Tokens read and delivered, as far as they are known before an end says them; else undefined. */
  get usage(): Usage | undefined {
    const [tokens_in, tokens_out] = [this.#promptRead, this.tokensOut];
    return tokens_in + tokens_out === 0 ? undefined : { tokens_in, tokens_cached: 0, tokens_out };
  }

  /** Workers in a row that hung or died with this job the likeliest cause; see `scheduler/suspects.ts`. */
  get deaths(): number {
    const isLastOpen = this.#attempts.at(-1)?.suspect !== true;
    const before = isLastOpen ? this.#attempts.slice(0, -1) : this.#attempts;
    return before.length - 1 - before.findLastIndex(({ suspect }) => suspect !== true);
  }

  /** Of all attempts on a worker that hung or died, this job's is the likeliest cause. */
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
    this.#lastTokenAt = undefined;
    this.#attempts.push(attempt);
    this.patch({ status: "dispatched", attempts: this.#attempts });
    return {
      signal: this.#abort.signal,
      resumedFrom: this.tokensOut,
      resume: { resume_tokens: [...this.#ids], resume_index: this.#nextIndex },
    };
  }

  /**
   * A worker has begun to compute it.
   *
   * @returns as {@linkcode emit}
   */
  start(data: WorkerStarted, now: number): Promise<void> | undefined {
    if (this.#startedAt !== undefined) {
      this.patch({ status: "running" });
      return undefined;
    }
    this.#startedAt = now;
    const { request: { model }, createdAt } = this.facts;
    const queue_wait_ms = Math.max(0, now - createdAt);
    return this.emit(
      { event: "started", data: { ...data, model, queue_wait_ms } },
      { status: "running", startedAt: now },
    );
  }

  /**
   * Takes note of a token event, before it is sent on.
   *
   * @throws {RangeError} when it is not the next one
   */
  takeToken(
    { i, ids }: { readonly i: number; readonly ids: readonly number[] },
    now: number,
  ): TakenToken {
    if (i !== this.#nextIndex) {
      throw new RangeError(`The worker sent token ${i} instead of ${this.#nextIndex}`);
    }
    const isFirst = this.#firstTokenAt === undefined;
    const last = this.#lastTokenAt;
    if (last === undefined) this.#clear();
    this.#firstTokenAt ??= now;
    this.#lastTokenAt = now;
    this.#nextIndex++;
    this.#ids.push(...ids);
    // Nothing is generated before all of the prompt was read.
    this.#promptRead = this.#promptSize ?? this.#promptRead;
    const sinceLastMs = last === undefined ? undefined : now - last;
    return { isFirst, isFirstOfAttempt: last === undefined, sinceLastMs };
  }

  /** It has delivered a token: nothing speaks against it any more. */
  #clear(): void {
    if (!this.#attempts.some(({ suspect }) => suspect)) return;
    for (const [index, { suspect: _, ...attempt }] of this.#attempts.entries()) {
      this.#attempts[index] = attempt;
    }
    this.patch({ attempts: this.#attempts });
  }

  /** The running attempt was lost; the job waits for another. */
  loseAttempt(at: number, reason: string): void {
    this.endAttempt(at, reason);
    this.patch({ status: "queued", attempts: this.#attempts });
  }

  /** Ends the running attempt, and hears no more of it. */
  fence(at: number, reason: string): void {
    this.endAttempt(at, reason);
    this.#abort?.abort();
  }

  /** Marks the end of the running attempt. */
  endAttempt(at: number, reason?: string): void {
    const last = this.#attempts.at(-1);
    if (!last || last.ended_at !== undefined) return;
    this.#attempts[this.#attempts.length - 1] = {
      ...last,
      ended_at: new Date(at).toISOString(),
      ...defined({ reason }),
    };
  }

  /**
   * Sends the last event.
   *
   * @returns as {@linkcode emit}
   */
  finish(
    event: Extract<StoredJobEvent, { event: "end" | "error" }>,
    at: number,
    patch: JobPatch,
  ): Promise<void> | undefined {
    this.keep();
    this.endAttempt(at);
    return this.emit(event, { ...patch, endedAt: at, attempts: this.#attempts });
  }

  /** Stops its attempt, and lets its readers go: a later process takes it up. */
  suspend(): void {
    this.keep();
    this.#abort?.abort();
    if (this.facts.store) this.stream.suspend();
  }

  /** Cancels it after a while, unless somebody listens again; at once where `graceMs` is 0. */
  cancelAfter(clock: Pick<Clock, "after">, graceMs: number, cancel: () => void): void {
    if (graceMs === 0) cancel();
    else this.#dropGrace = clock.after(graceMs, cancel);
  }

  /** Takes {@linkcode cancelAfter} back. */
  keep(): void {
    this.#dropGrace?.();
    this.#dropGrace = undefined;
  }

  /** Readers get one error and an end, though it cannot be kept; whoever asks again is told so. */
  #break(error: unknown): void {
    this.#ended = true;
    if (!this.stream.ended) {
      const message = "The job's events can no longer be written to disk";
      const data = { code: "INTERNAL" as const, message, retriable: true };
      this.stream.publish([{ id: this.stream.lastId + 1, event: { event: "error", data } }]);
      this.facts.onBroken(error);
    }
  }
}
