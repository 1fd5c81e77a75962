import { systemClock } from "#shared/clock.ts";
import { clearImmediate, setImmediate } from "node:timers";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { encodeSse } from "#shared/http/sse.ts";

/** Options of an {@linkcode EventStream}. */
export interface EventStreamOptions {
  /** Events kept for a reader that is behind. */
  readonly limit: number;
  /** An ended stream whose reader reads nothing for this long is closed, in milliseconds. */
  readonly lingerMs: number;
  /** Called when the reader has read, so that more events can be sent. */
  readonly onRoom: () => void;
  /** Called when the reader went away. */
  readonly onGone: () => void;
}

/**
 * The events of one run, buffered until its reader reads them. The buffer stays within the limit
 * because writers check {@linkcode full} first.
 */
export class EventStream {
  /** The body of the reply. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  #waiting: WorkerEvent[] = [];
  #flushing: ReturnType<typeof setImmediate> | undefined;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Resolves the reader's pending `pull`. */
  #pull: (() => void) | undefined;
  #fullSince: number | undefined;
  #ended = false;
  #gone = false;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#onPull(),
      cancel: () => {
        this.#drop();
        options.onGone();
      },
    }, { highWaterMark: 0 });
  }

  /** Whether the buffer is full, so that nothing more should be sent. */
  get full(): boolean {
    return this.#waiting.length >= this.#options.limit;
  }

  /** How long the stream has been full, in milliseconds. */
  get fullForMs(): number {
    return this.#fullSince === undefined ? 0 : systemClock.steady() - this.#fullSince;
  }

  /** Sends an event; does nothing after {@linkcode end}. */
  push(event: WorkerEvent): void {
    if (this.#ended) return;
    this.#waiting.push(event);
    if (this.full) this.#fullSince ??= systemClock.steady();
    if (this.#pull) this.#flushSoon();
  }

  /** Sends the last event, and closes the stream once the reader has read it. */
  end(event: WorkerEvent): void {
    if (this.#ended) return;
    this.push(event);
    this.#ended = true;
    if (this.#waiting.length === 0) return this.#close();
    this.#linger = setTimeout(() => {
      this.#controller.error(new Error("The client did not read the end of the stream"));
      this.#drop();
    }, this.#options.lingerMs);
  }

  #onPull(): Promise<void> | undefined {
    if (this.#waiting.length > 0 && !this.#flushing) {
      this.#flush();
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pull = resolve;
    return promise;
  }

  /**
   * Flushes after this turn of the event loop, in which the engine's next step begins: so the step
   * computes while the events of the last one are written.
   */
  #flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      if (!this.#gone && this.#waiting.length > 0) this.#flush();
    });
  }

  /** Sends all buffered events as one chunk. */
  #flush(): void {
    const chunk = join(this.#waiting.map(({ event, data }) => encodeSse(event, data)));
    this.#waiting = [];
    this.#fullSince = undefined;
    // If the connection is closed already, this call cancels the stream.
    this.#controller.enqueue(chunk);
    this.#settlePull();
    if (this.#ended) this.#close();
    else this.#options.onRoom();
  }

  #close(): void {
    clearTimeout(this.#linger);
    if (!this.#gone) this.#controller.close();
  }

  /** Discards everything, since the reader is gone. */
  #drop(): void {
    this.#gone = true;
    this.#ended = true;
    this.#waiting = [];
    this.#fullSince = undefined;
    clearTimeout(this.#linger);
    clearImmediate(this.#flushing);
    this.#settlePull();
  }

  #settlePull(): void {
    this.#pull?.();
    this.#pull = undefined;
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
