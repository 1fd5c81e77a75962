import { onAbort } from "#shared/aborts.ts";
import { type ErrorData } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { encodeSse, SSE } from "#shared/http/sse.ts";
import { type StreamFormat, StreamResponse } from "#shared/http/stream_response.ts";
import type { Config } from "./config.ts";

/** Retry-After for a refused stream, in ms; short, because streams end all the time. */
const RETRY_MS = 1_000;

/** Share of all connections that streams and waiting calls may hold; pools need the others. */
const SHARE = 3 / 4;

/** How an API writes its streams. */
export interface StreamWriter {
  readonly format: StreamFormat;
  /** The last frame of a stream that failed. */
  errorFrame(error: LlorchError): Uint8Array;
}

/** The streams of llorch's own API. */
const ownStream: StreamWriter = {
  format: SSE,
  errorFrame({ code, message, retriable }) {
    const data: ErrorData = { code, message, retriable };
    return encodeSse("error", data);
  },
};

/** Limits the streams and the long calls on which clients wait, and cuts off slow readers. */
export class OpenStreams {
  readonly #config: Pick<Config, "streams">;
  readonly #maxConnections: () => number;
  #open = 0;
  #answers = 0;

  /** @param maxConnections Connections that may be open at a time. */
  constructor(config: Pick<Config, "streams">, maxConnections: () => number = () => Infinity) {
    this.#config = config;
    this.#maxConnections = maxConnections;
  }

  /**
   * Runs a call for whose whole answer a client waits.
   *
   * @throws {LlorchError} `NOT_READY` if too many clients wait already
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
   * Answers with a stream, which holds a place until it ends. The place is taken before any work is done for
   * the stream.
   *
   * @param signal Aborts when the client leaves; if that is early, it is the only sign of it.
   * @param make Makes the reply. If that is not a stream, it must call `close` itself.
   * @throws {LlorchError} `NOT_READY` if there is no place
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
      `Cannot take another stream or call: ${max} clients wait for answers, and the other connections ` +
        "are reserved for pools and short calls",
      { retryAfterMs: RETRY_MS },
    );
  }

  /**
   * Makes a reply that is a stream.
   *
   * @param close Gives the stream's place back.
   * @param note What it says about its silence; undefined: nothing.
   */
  reply(
    frames: AsyncGenerator<Uint8Array>,
    close: () => void,
    { format, errorFrame }: StreamWriter = ownStream,
    note?: () => string | undefined,
  ): Response {
    const { keep_alive_ms: keepAliveMs, slow_reader_ms: afterMs } = this.#config.streams;
    const lastFrame = () => errorFrame(this.#tooSlow());
    return new StreamResponse(frames, {
      format,
      keepAliveMs,
      note,
      slowReader: { afterMs, lastFrame },
      onClose: close,
    });
  }

  #tooSlow(): LlorchError {
    const { slow_reader_ms: ms } = this.#config.streams;
    return new LlorchError(
      "TIMEOUT",
      `The stream was cut off because the client read nothing for ${ms} ms`,
    );
  }
}
