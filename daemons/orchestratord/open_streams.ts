import { onAbort } from "#shared/aborts.ts";
import { type ErrorData } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { encodeSse, SSE } from "#shared/http/sse.ts";
import { type StreamFormat, StreamResponse } from "#shared/http/stream_response.ts";
import type { Config } from "./config.ts";

/** When a client that found no place should ask again, in ms: streams end all the time. */
const RETRY_MS = 1_000;

/** Of all connections, streams and answers that are waited for may hold so many: pools need others. */
const SHARE = 3 / 4;

/** How an API writes its streams. */
export interface StreamWriter {
  readonly format: StreamFormat;
  /** The last frame of a stream that failed. */
  errorFrame(error: LlorchError): Uint8Array;
}

/** Events of llorch's own API. */
const ownStream: StreamWriter = {
  format: SSE,
  errorFrame({ code, message, retriable }) {
    const data: ErrorData = { code, message, retriable };
    return encodeSse("error", data);
  },
};

/** What clients wait for on a connection: how many streams and answers there may be, and how slow. */
export class OpenStreams {
  readonly #config: Pick<Config, "streams">;
  readonly #maxConnections: () => number;
  #open = 0;
  #answers = 0;

  /** @param maxConnections Connections that may be open at once. */
  constructor(config: Pick<Config, "streams">, maxConnections: () => number = () => Infinity) {
    this.#config = config;
    this.#maxConnections = maxConnections;
  }

  /**
   * Runs what a client waits for on its connection until it has the whole answer.
   *
   * @throws {LlorchError} `NOT_READY` when there is no place
   */
  async wait<T>(work: () => Promise<T>): Promise<T> {
    this.#requireShare();
    this.#answers++;
    try {
      return await work();
    } finally {
      this.#answers--;
    }
  }

  /**
   * Answers with a stream, which has a place until it ends. The place is taken before anything is
   * done for the stream.
   *
   * @param signal The client's: when it leaves early, nothing else may tell.
   * @param make Gives the reply; a reply that is no stream closes its place itself.
   * @throws {LlorchError} `NOT_READY` when there is no place
   */
  async place<T>(signal: AbortSignal, make: (close: () => void) => Promise<T>): Promise<T> {
    const { max_open: max } = this.#config.streams;
    if (this.#open >= max) {
      throw new LlorchError("NOT_READY", `Cannot open another stream: ${max} are open`, {
        retryAfterMs: RETRY_MS,
      });
    }
    this.#requireShare();
    this.#open++;
    let isOpen = true;
    let forget = () => {};
    const close = () => {
      if (!isOpen) return;
      isOpen = false;
      this.#open--;
      forget();
    };
    forget = onAbort(signal, close);
    try {
      return await make(close);
    } catch (error) {
      close();
      throw error;
    }
  }

  #requireShare(): void {
    const max = Math.max(1, Math.floor(SHARE * this.#maxConnections()));
    if (this.#open + this.#answers < max) return;
    throw new LlorchError(
      "NOT_READY",
      `Cannot take another stream or call: ${max} wait for their answers, and the other connections ` +
        "are for pools and short calls",
      { retryAfterMs: RETRY_MS },
    );
  }

  /**
   * A reply that is a stream.
   *
   * @param close Gives the stream's place back.
   */
  reply(
    frames: AsyncGenerator<Uint8Array>,
    close: () => void,
    { format, errorFrame }: StreamWriter = ownStream,
  ): Response {
    const { keep_alive_ms: keepAliveMs, slow_reader_ms: afterMs } = this.#config.streams;
    const lastWords = () => errorFrame(this.#tooSlow());
    return new StreamResponse(frames, {
      format,
      keepAliveMs,
      slowReader: { afterMs, lastWords },
      onClose: close,
    });
  }

  #tooSlow(): LlorchError {
    const { slow_reader_ms: ms } = this.#config.streams;
    return new LlorchError(
      "TIMEOUT",
      `The stream was cut off because nothing of it was read for ${ms} ms`,
    );
  }
}
