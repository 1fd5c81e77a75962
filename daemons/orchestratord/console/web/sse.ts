/** Parses event streams from orchestratord. */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { unreachable } from "./api.ts";

/**
 * The events of a reply's body, until it ends.
 *
 * @param onBytes Called whenever bytes arrive, even for a comment.
 * @throws {ApiError} if the connection breaks
 */
export async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  onBytes = () => {},
): AsyncGenerator<EventSourceMessage> {
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let isOver = false;
  try {
    while (!isOver) {
      const { done, value } = await reader.read().catch(() => Promise.reject(unreachable()));
      isOver = done;
      if (value === undefined) continue;
      onBytes();
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    // Closes the connection if the caller stopped reading.
    if (!isOver) reader.cancel().catch(() => {});
  }
}
