import { type ExecuteRequest, type WorkerEvent, workerRoutes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { EventsReply, EventsRequest } from "#shared/http/client.ts";
import { errorReply } from "#shared/http/error_reply.ts";
import type { SseMessage } from "#shared/http/sse.ts";

/** An event with any name and data, also ones that the contract does not have. */
export interface AnyEvent {
  readonly event: string;
  readonly data: unknown;
}

/** One `/execute` stream whose events the test sends. */
export class FakeStream {
  /** URL that was called. */
  readonly url: string;
  readonly request: ExecuteRequest;
  readonly #messages: ReadableStream<readonly SseMessage[]>;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #controller!: ReadableStreamDefaultController<readonly SseMessage[]>;

  constructor({ url, body, signal }: EventsRequest) {
    this.url = url;
    this.request = workerRoutes.execute.body.parse(JSON.parse(body ?? ""));
    this.#messages = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
    });
    signal?.addEventListener("abort", () => this.#close(signal.reason));
  }

  /** Whether the connection was closed before the worker had ended its stream. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves once the connection is closed before the worker has ended its stream. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Sends events together; the last one of a job ends the stream. */
  say(...events: readonly (WorkerEvent | AnyEvent)[]): void {
    this.sayText(...events.map(({ event, data }) => ({ event, data: JSON.stringify(data) })));
    if (events.some(({ event }) => event === "end" || event === "error")) this.end();
  }

  /** Sends messages unchanged. */
  sayText(...messages: readonly SseMessage[]): void {
    if (!this.#isClosed) this.#controller.enqueue(messages);
  }

  /** Ends the stream, also without an end event. */
  end(): void {
    if (!this.#isClosed) this.#controller.close();
  }

  /** Breaks the connection, as when the worker's process ends. */
  breakOff(reason = "connection reset"): void {
    this.#controller.error(new Error(reason));
  }

  /** The reader's side of the stream. */
  async *batches(signal: AbortSignal | undefined): AsyncGenerator<readonly SseMessage[]> {
    const close = () => this.#close(signal?.reason);
    signal?.addEventListener("abort", close);
    if (signal?.aborted) close();
    try {
      yield* this.#messages;
    } finally {
      signal?.removeEventListener("abort", close);
    }
  }

  #close(reason: unknown): void {
    this.#isClosed = true;
    this.#controller.error(reason);
    this.#closed.resolve();
  }
}

/** Workers without a network: {@linkcode open} takes the place of the transport of their streams. */
export class FakeStreams {
  /** All streams that were opened, in order. */
  readonly opened: FakeStream[] = [];
  /** Workers answer the next streams with this error instead of events. */
  refuseWith: LlorchError | undefined;
  #taken = 0;
  #waiting: (() => void) | undefined;

  /** The transport; see `ClientOptions.openEvents`. */
  readonly open = (request: EventsRequest): Promise<EventsReply> => {
    const stream = new FakeStream(request);
    this.opened.push(stream);
    this.#waiting?.();
    if (this.refuseWith) return Promise.resolve(refusal(this.refuseWith));
    return Promise.resolve({
      status: 200,
      text: () => Promise.reject(new Error("It is a stream")),
      batches: (signal) => stream.batches(signal),
    });
  };

  /** Waits for the next stream that a caller of this has not yet got. */
  async next(): Promise<FakeStream> {
    while (this.opened.length === this.#taken) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    return this.opened[this.#taken++]!;
  }
}

function refusal(error: LlorchError): EventsReply {
  const reply = errorReply(error, "c1");
  return {
    status: reply.status,
    text: () => reply.text(),
    async *batches() {},
  };
}
