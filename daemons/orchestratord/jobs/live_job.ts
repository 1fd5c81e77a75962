import {
  type Attempt,
  isTerminal,
  type StoredJobEvent,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import type { RunAttempt } from "../relay/relay.ts";
import { JobStream } from "../relay/job_stream.ts";
import type { JobPatch, JobRow, JobStore, NumberedEvent } from "../store/job_store.ts";

/** Writes that may be on their way before the worker's stream is made to wait. */
const MAX_PENDING_WRITES = 64;

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
  /** Runs one attempt on a worker. */
  readonly runAttempt: RunAttempt;
  /** Whose job it is; see `JobRow`. */
  readonly tenant: string;
}

/**
 * A job that has not ended: numbers its events, keeps them, and shows them to readers once they are
 * committed. Knows exactly what was delivered, which is what a next attempt resumes from.
 */
export class LiveJob {
  readonly facts: LiveJobFacts;
  readonly stream: JobStream;
  readonly attempts: Attempt[];
  /** Token ids delivered so far. */
  readonly ids: number[] = [];
  /** Index of the next `token` event. */
  nextIndex = 0;
  startedAt: number | undefined;
  firstTokenAt: number | undefined;
  lastTokenAt: number | undefined;
  /** Ends the running attempt. */
  abort: AbortController | undefined;
  /** Takes back the cancel that follows when the last reader has left. */
  dropGrace: (() => void) | undefined;
  #nextId = 1;
  #ended = false;
  #pendingWrites = 0;

  constructor(facts: LiveJobFacts, kept?: { row: JobRow; events: readonly NumberedEvent[] }) {
    this.facts = facts;
    const { store, id } = facts;
    this.attempts = [...kept?.row.attempts ?? []];
    this.startedAt = kept?.row.startedAt;
    for (const { id, event } of kept?.events ?? []) {
      this.#nextId = id + 1;
      if (event.event !== "token") continue;
      this.ids.push(...event.data.ids ?? []);
      this.nextIndex = event.data.i + 1;
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
   * @returns a promise to wait for when too many writes are on their way, else undefined
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
    this.#pendingWrites++;
    const written = store.append(this.id, [numbered], patch)
      .then(() => this.stream.publish([numbered]))
      .catch((error) => this.#break(error))
      .finally(() => this.#pendingWrites--);
    return this.#pendingWrites > MAX_PENDING_WRITES ? written : undefined;
  }

  /** Changes the kept job without an event. */
  patch(patch: JobPatch): void {
    if (this.#ended) return;
    this.facts.store?.update(this.id, patch).catch((error) => this.facts.onBroken(error));
  }

  /** Nothing more is kept or shown: the job was refused, and nobody was told its name. */
  abandon(): void {
    this.#ended = true;
  }

  /** Marks the end of the running attempt. */
  endAttempt(at: number, reason?: string): void {
    const last = this.attempts.at(-1);
    if (!last || last.ended_at !== undefined) return;
    this.attempts[this.attempts.length - 1] = {
      ...last,
      ended_at: new Date(at).toISOString(),
      ...(reason === undefined ? {} : { reason }),
    };
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
