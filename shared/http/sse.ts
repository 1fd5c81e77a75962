import { createParser } from "eventsource-parser";

/** One message of a `text/event-stream`. */
export interface SseMessage {
  readonly event: string;
  readonly id?: string;
  /** The `data:` text, unparsed. */
  readonly data: string;
}

/** Longest message that a reader accepts, in characters, so that a broken peer cannot fill memory. */
const MAX_MESSAGE_CHARS = 8 * 1024 * 1024;

const encoder = new TextEncoder();

/** A comment line: keeps an idle stream open and means nothing. */
export const SSE_COMMENT: Uint8Array = encodeSseComment("keep-alive");

/** Encodes a comment, for people who look at the bytes; `text` must not contain a line break. */
export function encodeSseComment(text: string): Uint8Array {
  return encoder.encode(`: ${text}\n\n`);
}

/** Headers of every SSE reply; the last one asks nginx not to buffer. */
export const SSE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

/**
 * Encodes one event; `data` is JSON and therefore one line.
 *
 * @param event Name of the event; ours are plain words, so a line break cannot occur.
 */
export function encodeSse(event: string, data: unknown, id?: number): Uint8Array {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return encoder.encode(`event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`);
}

/** Encodes a nameless event, as OpenAI's streams use. `text` must not contain a line break. */
export function encodeSseData(text: string): Uint8Array {
  return encoder.encode(`data: ${text}\n\n`);
}

/**
 * Reads the events of a reply's body until it ends, or rejects once the signal aborts. Leaving the
 * loop cancels the body.
 *
 * The abort cancels the body itself: that of a `fetch` does nothing any more once its `Response`
 * has been collected, and then the peer would go on for nobody.
 */
export async function* readSse(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<SseMessage> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", cancel);
  const messages: SseMessage[] = [];
  const parser = createParser({
    maxBufferSize: MAX_MESSAGE_CHARS,
    onEvent: ({ event = "message", data, id }) =>
      messages.push({ event, data, ...(id === undefined ? {} : { id }) }),
    onError(error) {
      if (error.type === "max-buffer-size-exceeded") throw error;
    },
  });
  const decoder = new TextDecoder();
  try {
    while (true) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}
