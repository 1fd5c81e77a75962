import { onAbort } from "../aborts.ts";
import { createParser } from "eventsource-parser";
import { defined } from "../json.ts";
import { utf8 } from "../utf8.ts";
import type { StreamFormat } from "./stream_response.ts";

/** One message of a `text/event-stream`. */
export interface SseMessage {
  readonly event: string;
  readonly id?: string;
  /** The `data:` text, unparsed. */
  readonly data: string;
}

/** Longest message that a reader accepts, in characters: a broken peer must not fill memory. */
const MAX_MESSAGE_CHARS = 8 * 1024 * 1024;

/** Server-sent events; a comment keeps an idle stream open. */
export const SSE: StreamFormat = {
  contentType: "text/event-stream; charset=utf-8",
  keepAlive: encodeSseComment("keep-alive"),
  comment: encodeSseComment,
};

/** Encodes a comment, which readers ignore; `text` must not contain a line break. */
export function encodeSseComment(text: string): Uint8Array {
  return utf8(`: ${text}\n\n`);
}

/**
 * Encodes one event; `data` is JSON and therefore one line.
 *
 * @param event Name of the event; must not contain a line break.
 */
export function encodeSse(event: string, data: unknown, id?: number): Uint8Array {
  return utf8(formatSse(event, data, id));
}

/** {@linkcode encodeSse} as text, for callers that write several events at once. */
export function formatSse(event: string, data: unknown, id?: number): string {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`;
}

/** Encodes events without a name, as in OpenAI's streams; `texts` must not have line breaks. */
export function encodeSseData(...texts: readonly string[]): Uint8Array {
  return utf8(texts.map((text) => `data: ${text}\n\n`).join(""));
}

/** Bytes of a read. Events are short, and every stream has a buffer of its own. */
const READ_BYTES = 16 * 1024;

/** Reads the events of a reply's body one by one; see {@linkcode readSseBatches}. */
export async function* readSse(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<SseMessage> {
  for await (const messages of readSseBatches(body, signal)) {
    for (const message of messages) yield message;
  }
}

/**
 * Reads the events of a reply's body until it ends, in one batch those that arrived together.
 * Rejects once the signal aborts. Leaving the loop cancels the body.
 *
 * The signal is not left to `fetch`: aborting that has no effect once its `Response` has been
 * garbage-collected, and the peer would keep sending although nobody reads.
 */
export async function* readSseBatches(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<readonly SseMessage[]> {
  const reader = readerOf(body);
  const cancel = () => void reader.cancel(signal?.reason).catch(() => {});
  const forget = onAbort(signal, cancel);
  const parser = new SseParser();
  try {
    while (true) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      const messages = value ? parser.feed(value) : [];
      if (messages.length > 0) yield messages;
    }
  } finally {
    forget();
    cancel();
  }
}

/** Parses the bytes of an event stream, which may be cut anywhere. */
export class SseParser {
  #messages: SseMessage[] = [];
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({
    maxBufferSize: MAX_MESSAGE_CHARS,
    onEvent: ({ event = "message", data, id }) =>
      this.#messages.push({ event, data, ...defined({ id }) }),
    onError(error) {
      if (error.type === "max-buffer-size-exceeded") throw error;
    },
  });

  /**
   * Adds bytes and returns the messages that are complete now.
   *
   * @throws {Error} if a message is longer than 8 Mi characters
   */
  feed(bytes: Uint8Array): readonly SseMessage[] {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
    if (this.#messages.length === 0) return this.#messages;
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }
}

/** The reader that {@linkcode readSseBatches} uses. */
interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

/**
 * A reader that reuses one buffer if the body allows it. Otherwise Deno allocates 64 KiB for every
 * read, while most reads bring about a hundred bytes.
 */
function readerOf(body: ReadableStream<Uint8Array>): ByteReader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return body.getReader();
  }
  let buffer = new ArrayBuffer(READ_BYTES);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (value) buffer = value.buffer;
      return { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}
