import { systemClock } from "../clock.ts";
import type { ServerResponse } from "node:http";

/** How frames are told apart on the wire: server-sent events, lines of JSON, … */
export interface StreamFormat {
  readonly contentType: string;
  /** A frame that means nothing and keeps an idle stream open; absent where the format has none. */
  readonly keepAlive?: Uint8Array;
}

/** How a stream reply behaves. */
export interface StreamOptions {
  readonly format: StreamFormat;
  /** A keep-alive goes out after this much silence, or at most a quarter more, in milliseconds. */
  readonly keepAliveMs: number;
  readonly status?: number;
  /** What becomes of a client that does not read what was sent; by default it is waited for. */
  readonly slowReader?: SlowReader;
  /** Called once when the stream has ended, whoever ended it. */
  readonly onClose?: () => void;
}

/** The end of a stream that nobody reads. */
export interface SlowReader {
  /** A client that takes nothing for this long is cut off, in milliseconds. */
  readonly afterMs: number;
  /** The last frame, which it finds when it reads on after all. */
  readonly lastWords: () => Uint8Array;
}

/**
 * The length is unknown from the start: where that is not said, @hono/node-server waits a turn for a body
 * that might end at once. The last one asks nginx not to buffer.
 */
const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "transfer-encoding": "chunked",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

/** Headers of every reply that is a stream. */
export function streamHeaders({ contentType }: StreamFormat): Record<string, string> {
  return { "content-type": contentType, ...STREAM_HEADERS };
}

/**
 * A reply whose frames the server pulls as fast as the client reads them, and no faster: nothing is
 * buffered for a slow reader. When the client goes away, or is cut off, the frames' `return()` is
 * called.
 *
 * It has no body: `listen()` writes the frames to the connection itself. Through a web stream each
 * token cost several turns of promises more, and the first one a tenth of a millisecond.
 */
export class StreamResponse extends Response {
  readonly frames: AsyncGenerator<Uint8Array>;
  readonly options: StreamOptions;

  constructor(frames: AsyncGenerator<Uint8Array>, options: StreamOptions) {
    super(null, { status: options.status ?? 200, headers: streamHeaders(options.format) });
    this.frames = frames;
    this.options = options;
  }
}

/** Writes head and frames of a reply; settles when the stream has ended, whoever ended it. */
export async function writeStream(
  { status, headers, frames, options }: StreamResponse,
  outgoing: ServerResponse,
): Promise<void> {
  const { format: { keepAlive }, keepAliveMs, slowReader, onClose } = options;
  /** When the last frame went out, or was taken where the client was slow. */
  let since = systemClock.steady();
  let isOpen = true;
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    clearInterval(watch);
    onClose?.();
  };
  /** Not awaited to its end by a generator that waits itself; its signal ends that wait. */
  const giveBack = () => void frames.return(undefined).catch(() => {});
  const look = () => {
    const elapsed = systemClock.steady() - since;
    if (!outgoing.writableNeedDrain) {
      if (!keepAlive || elapsed < keepAliveMs) return;
      since = systemClock.steady();
      outgoing.write(keepAlive);
    } else if (slowReader && elapsed >= slowReader.afterMs) {
      end();
      outgoing.end(slowReader.lastWords());
      giveBack();
    }
  };
  // One timer per stream that now and then looks at a clock: a timer per frame would cost more.
  const lookMs = Math.ceil(Math.min(keepAliveMs, slowReader?.afterMs ?? keepAliveMs) / 4);
  const watch = setInterval(look, lookMs);
  const left = new Promise<void>((resolve) => outgoing.once("close", resolve));
  void left.then(() => {
    if (!isOpen) return;
    end();
    giveBack();
  });
  outgoing.writeHead(status, Object.fromEntries(headers));
  // Together with the first frame where that is at hand.
  let isHeadSent = false;
  setImmediate(() => {
    if (!isHeadSent) outgoing.flushHeaders();
  });
  try {
    for (let next = await frames.next(); isOpen && !next.done; next = await frames.next()) {
      since = systemClock.steady();
      isHeadSent = true;
      if (outgoing.write(next.value)) continue;
      await Promise.race([left, new Promise((resolve) => outgoing.once("drain", resolve))]);
      since = systemClock.steady();
    }
    if (isOpen) outgoing.end();
  } catch (error) {
    // The client sees a stream that broke off instead of one that ended.
    outgoing.destroy(error instanceof Error ? error : undefined);
  } finally {
    end();
  }
}
