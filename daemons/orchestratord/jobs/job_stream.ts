import { onAbort } from "#shared/aborts.ts";
import { isTerminal, type MetricsData } from "#shared/contracts/mod.ts";
import type { NumberedEvent } from "../store/job_store.ts";

/** Events that a stream keeps in memory for its readers; older ones are read from the store. */
const RECENT_EVENTS = 512;

/** Reads the events after an id that are no longer in memory, at most `limit`. */
export type Backlog = (after: number, limit: number) => Promise<readonly NumberedEvent[]>;

/** What a reader gets: an event, or the newest metrics, which are not stored. */
export type StreamItem =
  | { readonly kind: "event"; readonly id: number; readonly event: NumberedEvent["event"] }
  | { readonly kind: "metrics"; readonly data: MetricsData };

/**
 * The events of one live job. Writers publish without waiting; each reader pulls at its own pace,
 * so that a slow one costs only reads from the backlog.
 */
export class JobStream {
  readonly #backlog: Backlog | undefined;
  #recent: NumberedEvent[] = [];
  #lastId = 0;
  #ended = false;
  #suspended = false;
  #metrics: MetricsData | undefined;
  #metricsVersion = 0;
  /** Id of the newest event when the metrics came. */
  #metricsAfter = 0;
  #waiters: (() => void)[] = [];
  #readers = 0;

  /**
   * @param backlog Undefined for a job that is not stored: then all events stay in memory, bounded by
   * the tokens that a context holds.
   * @param lastId Id of the newest event that is stored already.
   */
  constructor(backlog: Backlog | undefined, lastId = 0) {
    this.#backlog = backlog;
    this.#lastId = lastId;
  }

  /** Number of attached readers. */
  get readers(): number {
    return this.#readers;
  }

  /** Id of the newest published event. */
  get lastId(): number {
    return this.#lastId;
  }

  /** True once the terminal event was published. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Ends all reads although the job has not ended: it continues after a restart. */
  suspend(): void {
    this.#suspended = true;
    this.#wake();
  }

  /** Whether {@linkcode suspend} ended the reads, and not the readers themselves. */
  get suspended(): boolean {
    return this.#suspended;
  }

  /**
   * Makes committed events visible; ignores events after the terminal one.
   *
   * @throws {RangeError} if the ids do not follow one another
   */
  publish(events: readonly NumberedEvent[]): void {
    if (events.length === 0) return;
    for (const each of events) {
      if (this.#ended) return;
      if (each.id !== this.#lastId + 1) {
        throw new RangeError(`Cannot publish event ${each.id} after event ${this.#lastId}`);
      }
      this.#recent.push(each);
      this.#lastId = each.id;
      this.#ended = isTerminal(each.event);
    }
    // Trimmed by half at a time, so that publishing stays cheap.
    if (this.#backlog && this.#recent.length > RECENT_EVENTS * 2) {
      this.#recent = this.#recent.slice(-RECENT_EVENTS);
    }
    this.#wake();
  }

  /** Replaces the metrics; readers see only the newest. */
  setMetrics(metrics: MetricsData): void {
    if (this.#ended) return;
    this.#metrics = metrics;
    this.#metricsAfter = this.#lastId;
    this.#metricsVersion++;
    this.#wake();
  }

  /**
   * Yields every event after an id up to the terminal one, in batches of those that are there, and new
   * metrics in between. Ends early when the signal aborts or the stream is suspended.
   */
  async *read(after: number, signal: AbortSignal): AsyncGenerator<readonly StreamItem[]> {
    const forget = onAbort(signal, () => this.#wake());
    this.#readers++;
    try {
      let last = after;
      let seenMetrics = 0;
      while (!signal.aborted) {
        const metrics = this.#metricsFor(last, seenMetrics);
        if (metrics) {
          seenMetrics = this.#metricsVersion;
          yield [{ kind: "metrics", data: metrics }];
          continue;
        }
        const found = this.#next(last);
        const batch = found instanceof Promise ? await found : found;
        if (batch.length > 0) {
          const newest = batch.at(-1)!;
          last = newest.id;
          yield batch.map(({ id, event }) => ({ kind: "event", id, event }));
          if (isTerminal(newest.event)) return;
          continue;
        }
        // Something may have been published while the batch was awaited.
        if (last < this.#lastId) continue;
        if (this.#ended || this.#suspended) return;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    } finally {
      this.#readers--;
      forget();
    }
  }

  /**
   * The metrics that a reader has not seen: it gets them before the events that came after them, and none
   * after the end.
   */
  #metricsFor(last: number, seenVersion: number): MetricsData | undefined {
    if (this.#metricsVersion === seenVersion || this.#metricsAfter > last) return undefined;
    const isOver = this.#suspended || this.#ended && last >= this.#lastId;
    return isOver ? undefined : this.#metrics;
  }

  /** The events after an id, at most one batch. */
  #next(after: number): readonly NumberedEvent[] | Promise<readonly NumberedEvent[]> {
    if (after >= this.#lastId) return [];
    const first = this.#recent[0]?.id ?? this.#lastId + 1;
    const from = after + 1 - first;
    if (from >= 0) return this.#recent.slice(from, from + RECENT_EVENTS);
    return this.#stored(after);
  }

  async #stored(after: number): Promise<readonly NumberedEvent[]> {
    // Only ids up to `lastId`: later rows are committed but not published yet.
    const stored = await this.#backlog?.(after, RECENT_EVENTS) ?? [];
    return stored.filter(({ id }) => id <= this.#lastId);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
