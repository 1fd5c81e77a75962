import { LinkedAbort, onAbort } from "#shared/aborts.ts";
import type { Hash } from "node:crypto";
import { LlorchError } from "#shared/errors.ts";
import type { ByteSource, ByteStream } from "./byte_source.ts";
import { type OnRetry, type RetryPolicy, withRetries } from "./retry.ts";
import { StallWatch } from "./stall.ts";
import { type Segment, Window } from "./window.ts";

/** Bytes of one request. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

/** Bytes of one write while the segment is still being filled. */
const WRITE_BYTES = 1024 * 1024;

/** Most segments in memory for each connection. */
const SEGMENTS_PER_CONNECTION = 2;

/** Default number of connections. */
export const DEFAULT_CONNECTIONS = 4;

/** Options of {@linkcode transfer}. */
export interface TransferOptions {
  readonly source: ByteSource;
  /** Open for writing, at the end of what was received before. */
  readonly file: Pick<Deno.FsFile, "write">;
  /** Has been fed what was received before. */
  readonly hash: Pick<Hash, "update">;
  /** Bytes that were received before. */
  readonly from: number;
  readonly sizeBytes: number;
  readonly connections: number;
  /** A connection that is silent for this long is opened again, in milliseconds. */
  readonly stallMs: number;
  readonly retry: RetryPolicy;
  readonly onRetry: OnRetry;
  /** Called with the bytes received by this transfer; the figure only grows. */
  readonly onBytes: (count: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Fetches the rest of a file over several connections, or over one where the server cannot send
 * parts. However it ends, the bytes that were written are the file's beginning without a gap.
 */
export async function transfer(options: TransferOptions): Promise<void> {
  await new Transfer(options).run();
}

class Transfer {
  readonly #options: TransferOptions;
  readonly #window: Window;
  readonly #stop: LinkedAbort;
  #received = 0;

  constructor(options: TransferOptions) {
    const { from, sizeBytes, connections, signal } = options;
    this.#options = options;
    this.#stop = new LinkedAbort(signal);
    this.#window = new Window(
      from,
      sizeBytes,
      SEGMENT_BYTES,
      connections * SEGMENTS_PER_CONNECTION,
    );
  }

  async run(): Promise<void> {
    const forget = onAbort(this.#signal, () => this.#window.wake());
    const writing = this.#write().catch((error) => this.#fail(error));
    await this.#connect(true).catch((error) => this.#fail(error));
    await writing;
    forget();
    this.#stop[Symbol.dispose]();
    this.#signal.throwIfAborted();
  }

  get #signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The first failure ends all connections. */
  #fail(error: unknown): void {
    if (!this.#signal.aborted) this.#stop.abort(error);
  }

  /** Writes and hashes in the file's order; after a stop, what was received until then. */
  async #write(): Promise<void> {
    const { file, hash } = this.#options;
    const window = this.#window;
    for (;;) {
      const isStopped = this.#signal.aborted;
      const bytes = window.take(isStopped ? 1 : WRITE_BYTES);
      if (bytes !== undefined) {
        const written = writeAll(file, bytes);
        hash.update(bytes);
        await written;
        window.release(bytes.length);
      } else if (window.isDone || isStopped) return;
      else await window.changed();
    }
  }

  /**
   * Fills one segment after the other. The first connection starts the others once the server has
   * sent a part; a server that cannot send parts gets one request for everything.
   */
  async #connect(isFirst: boolean): Promise<void> {
    const others: Promise<void>[] = [];
    let stream: OpenStream | undefined;
    const onOpen = (opened: ByteStream) => {
      if (!isFirst || !opened.isPart || others.length > 0) return;
      for (let count = 1; count < this.#options.connections; count++) {
        others.push(this.#connect(false).catch((error) => this.#fail(error)));
      }
    };
    try {
      for (;;) {
        const segment = this.#window.give();
        if (segment === undefined) break;
        if (segment === "full") {
          await this.#window.changed();
          this.#signal.throwIfAborted();
          continue;
        }
        stream = await this.#fill(segment, stream, onOpen);
      }
      if (stream) await checkEnd(stream);
    } finally {
      if (stream) await stream.reader.cancel().catch(() => {});
      await Promise.all(others);
    }
  }

  /** Fills a segment, with retries; returns a stream that continues after it, if there is one. */
  async #fill(
    segment: Segment,
    open: OpenStream | undefined,
    onOpen: (stream: ByteStream) => void,
  ): Promise<OpenStream | undefined> {
    let stream = open;
    let filledBefore = segment.filled;
    await withRetries(async () => {
      filledBefore = segment.filled;
      using watch = new StallWatch(this.#options.stallMs, this.#signal);
      const at = segment.start + segment.filled;
      try {
        if (stream === undefined) {
          const end = segment.start + segment.length;
          stream = openStream(await this.#options.source.open(at, end, watch.signal), at);
          onOpen(stream);
        }
        await this.#read(stream, segment, watch);
      } catch (error) {
        await stream?.reader.cancel().catch(() => {});
        stream = undefined;
        throw reasonOf(error, watch.signal);
      }
    }, {
      policy: this.#options.retry,
      signal: this.#signal,
      onRetry: this.#options.onRetry,
      hasProgressed: () => segment.filled > filledBefore,
    });
    if (!stream?.isPart) return stream;
    await stream.reader.cancel().catch(() => {});
    return undefined;
  }

  async #read(stream: OpenStream, segment: Segment, watch: StallWatch): Promise<void> {
    const cancel = () => void stream.reader.cancel(watch.signal.reason).catch(() => {});
    const forget = onAbort(watch.signal, cancel);
    try {
      while (segment.filled < segment.length) {
        const chunk = stream.rest ?? await nextChunk(stream, watch);
        watch.touch();
        const used = this.#store(segment, chunk);
        stream.rest = used < chunk.length ? chunk.subarray(used) : undefined;
      }
    } finally {
      forget();
    }
  }

  #store(segment: Segment, chunk: Uint8Array): number {
    const used = Math.min(chunk.length, segment.length - segment.filled);
    segment.buffer.set(used === chunk.length ? chunk : chunk.subarray(0, used), segment.filled);
    segment.filled += used;
    this.#received += used;
    this.#options.onBytes(this.#received);
    if (this.#window.take(WRITE_BYTES) !== undefined) this.#window.wake();
    return used;
  }
}

/** A stream that is read, with bytes that were received but belong to the next segment. */
interface OpenStream extends ByteStream {
  rest: Uint8Array | undefined;
  /** Bytes to skip, where a server sends the file from its start. */
  skip: number;
}

function openStream(stream: ByteStream, wanted: number): OpenStream {
  return { ...stream, rest: undefined, skip: wanted - stream.position };
}

async function nextChunk(stream: OpenStream, watch: StallWatch): Promise<Uint8Array> {
  for (;;) {
    const { done, value } = await stream.reader.read().catch(lost);
    watch.signal.throwIfAborted();
    if (done) lost();
    watch.touch();
    const skipped = Math.min(stream.skip, value.length);
    stream.skip -= skipped;
    if (skipped < value.length) return value.subarray(skipped);
  }
}

function lost(cause?: unknown): never {
  throw new LlorchError("NOT_READY", "The connection was lost before the end", {
    cause,
    retriable: true,
  });
}

/** A server that does not announce a length may send too much. */
async function checkEnd({ rest, reader }: OpenStream): Promise<void> {
  const isOver = rest === undefined && (await reader.read().catch(() => ({ done: true }))).done;
  if (isOver) return;
  throw new LlorchError(
    "CONFLICT",
    "The server sent more bytes than the hub announced: try again later",
  );
}

/** Why a request ended: for a silent one the stall, which may be retried, not the abort. */
function reasonOf(error: unknown, { aborted, reason }: AbortSignal): unknown {
  return aborted && reason instanceof LlorchError ? reason : error;
}

async function writeAll(file: Pick<Deno.FsFile, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
