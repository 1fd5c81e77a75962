import { EventSourceParserStream } from "eventsource-parser/stream";

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
export const SSE_COMMENT: Uint8Array = encoder.encode(": keep-alive\n\n");

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

/** Reads the events of a reply's body until it ends; leaving the loop cancels the body. */
export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<SseMessage> {
  const messages = body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new EventSourceParserStream({ maxBufferSize: MAX_MESSAGE_CHARS }));
  for await (const message of messages) {
    yield {
      event: message.event ?? "message",
      data: message.data,
      ...(message.id === undefined ? {} : { id: message.id }),
    };
  }
}
