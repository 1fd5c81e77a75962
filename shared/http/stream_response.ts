import { BEAT_MS, every } from "../beat.ts";
import { systemClock } from "../clock.ts";
import type { ServerResponse } from "node:http";
import { headerRecord } from "./header_record.ts";

/** How frames are separated on the wire: server-sent events, lines of JSON, … */
export interface StreamFormat {
  readonly contentType: string;
  /** A frame without meaning that keeps an idle stream open; absent if the format has none. */
  readonly keepAlive?: Uint8Array;
  /** Encodes a text that readers ignore, without a line break; absent if the format has none. */
  comment?(text: string): Uint8Array;
}

/** Options of a {@linkcode StreamResponse}. */
export interface StreamOptions {
  readonly format: StreamFormat;
  /** A keep-alive is sent after this long without a frame, or up to a quarter later, in ms. */
  readonly keepAliveMs: number;
  /**
   * What the stream says about its silence, in formats with comments: when it opens, then four times as
   * often as a keep-alive, until it is undefined.
   */
  readonly note?: (() => string | undefined) | undefined;
  readonly status?: number;
  /** Default: those of every reply that is a stream; see {@linkcode streamHeaders}. */
  readonly headers?: Headers;
  /** How to end the stream if the client does not read; by default it is never ended. */
  readonly slowReader?: SlowReader;
  /** Called once when the stream has ended, for any reason. */
  readonly onClose?: () => void;
}

/** How a stream ends that its client does not read. */
export interface SlowReader {
  /** A client that reads nothing for this long is cut off, in milliseconds. */
  readonly afterMs: number;
  /** Makes the last frame, which the client gets if it reads on later; absent: the stream breaks off. */
  readonly lastFrame?: () => Uint8Array;
}

/**
 * `transfer-encoding` says that the length is unknown: without it @hono/node-server waits one turn
 * of the event loop for a body that might end at once. The last header asks nginx not to buffer.
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
 * A streamed reply. The server pulls frames only as fast as the client reads them, so that nothing
 * is buffered for a slow reader. If the client leaves or is cut off, the generator's `return()` is
 * called.
 *
 * It has no body: `listen()` writes the frames to the connection. A web stream would cost several
 * more promise turns for each token, and a tenth of a millisecond for the first one.
 */
export class StreamResponse extends Response {
  readonly frames: AsyncGenerator<Uint8Array>;
  readonly options: StreamOptions;

  constructor(frames: AsyncGenerator<Uint8Array>, options: StreamOptions) {
    super(null, {
      status: options.status ?? 200,
      headers: options.headers ?? streamHeaders(options.format),
    });
    this.frames = frames;
    this.options = options;
  }
}

/** Writes head and frames of a reply; resolves when the stream has ended, for any reason. */
export async function writeStream(
  { status, headers, frames, options }: StreamResponse,
  outgoing: ServerResponse,
): Promise<void> {
  const { format: { keepAlive, comment }, keepAliveMs, note, slowReader, onClose } = options;
  /** When the last frame was written, or, if the client is slow, was read by it. */
  let since = systemClock.steady();
  let isOpen = true;
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    stopLooking();
    onClose?.();
  };
  /** Not awaited: the generator may be waiting; its own signal ends that wait. */
  const giveBack = () => void frames.return(undefined).catch(() => {});
  const say = (): boolean => {
    const text = comment && note?.();
    if (!isOpen || text === undefined) return false;
    since = systemClock.steady();
    outgoing.write(comment!(text));
    return true;
  };
  const look = () => {
    const elapsed = systemClock.steady() - since;
    if (!outgoing.writableNeedDrain) {
      if (say()) return;
      if (!keepAlive || elapsed < keepAliveMs) return;
      since = systemClock.steady();
      outgoing.write(keepAlive);
    } else if (slowReader && elapsed >= slowReader.afterMs) {
      end();
      if (slowReader.lastFrame) outgoing.end(slowReader.lastFrame());
      else outgoing.destroy();
      giveBack();
    }
  };
  // Looks at a clock now and then: a timer per frame would cost more.
  const lookMs = Math.min(keepAliveMs, slowReader?.afterMs ?? keepAliveMs) / 4;
  const stopLooking = every(lookMs < BEAT_MS ? Math.ceil(lookMs) : lookMs - lookMs % BEAT_MS, look);
  const left = new Promise<void>((resolve) => outgoing.once("close", resolve));
  void left.then(() => {
    if (!isOpen) return;
    end();
    giveBack();
  });
  outgoing.writeHead(status, headerRecord(headers));
  // The head goes out with the first frame if that is ready at once.
  let isHeadSent = false;
  setImmediate(() => {
    if (!isHeadSent) outgoing.flushHeaders();
    say();
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
    // The client must see that the stream broke off.
    outgoing.destroy(error instanceof Error ? error : undefined);
  } finally {
    end();
  }
}
