import { systemClock } from "#shared/clock.ts";
import { clearImmediate, setImmediate } from "node:timers";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { encodeSse } from "#shared/http/sse.ts";

/** How an {@linkcode EventStream} behaves. */
export interface EventStreamOptions {
  /** Events kept for a reader that is behind. */
  readonly limit: number;
  /** An ended stream whose reader takes nothing for this long is torn down, in milliseconds. */
  readonly lingerMs: number;
  /** The reader took something: there is room again. */
  readonly onRoom: () => void;
  /** The reader went away. */
  readonly onGone: () => void;
}

/**
 * The events of one run on their way to its reader: kept until the reader takes them, and never
 * more than the limit, because whoever writes looks at {@linkcode full} first.
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

  /** Whether the reader is so far behind that nothing more should be written. */
  get full(): boolean {
    return this.#waiting.length >= this.#options.limit;
  }

  /** How long the stream has been full, in milliseconds. */
  get fullForMs(): number {
    return this.#fullSince === undefined ? 0 : systemClock.steady() - this.#fullSince;
  }

  /** Sends an event. After {@linkcode end} nothing is sent any more. */
  push(event: WorkerEvent): void {
    if (this.#ended) return;
    this.#waiting.push(event);
    if (this.full) this.#fullSince ??= systemClock.steady();
    if (this.#pull) this.#flushSoon();
  }

  /** Sends the last event and ends the stream once it was taken. */
  end(event: WorkerEvent): void {
    if (this.#ended) return;
    this.push(event);
    this.#ended = true;
    if (this.#waiting.length === 0) return this.#close();
    this.#linger = setTimeout(() => {
      this.#controller.error(new Error("The reader took nothing"));
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
   * After this turn of the event loop: the engine's next step is begun in it, and computes while what
   * the last one made is written.
   */
  #flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      if (!this.#gone && this.#waiting.length > 0) this.#flush();
    });
  }

  /** Hands everything that waits to the reader, as one chunk. */
  #flush(): void {
    const chunk = join(this.#waiting.map(({ event, data }) => encodeSse(event, data)));
    this.#waiting = [];
    this.#fullSince = undefined;
    // A connection that is gone already cancels the stream inside this call.
    this.#controller.enqueue(chunk);
    this.#settlePull();
    if (this.#ended) this.#close();
    else this.#options.onRoom();
  }

  #close(): void {
    clearTimeout(this.#linger);
    if (!this.#gone) this.#controller.close();
  }

  /** Nobody reads any more. */
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
