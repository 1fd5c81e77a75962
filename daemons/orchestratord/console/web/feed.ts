/** The connection to the live feed (`GET /v2/events`): kept while the page is looked at. */
import { onAbort } from "#shared/aborts.ts";
import type { EventSourceMessage } from "eventsource-parser";
import { ApiError, errorOf, send } from "./api.ts";
import { pause, waitMs } from "./reconnect.ts";
import { eventsOf } from "./sse.ts";

/** What who follows the feed is told of. */
export interface FeedListener {
  opened(): void;
  /** @param id Of the event, or of the last one before it that has one. */
  told(name: string, data: string, id: string): void;
  /** It broke off or was refused, and is tried again. */
  lost(): void;
}

/** Figures come every second: whatever says nothing for so long is dead, in ms. */
const SILENCE_MS = 15_000;

/**
 * A page that nobody sees lets go of its feed after this time, in ms: browsers open six connections to
 * a service, however many tabs there are, and calls need one too.
 */
const HIDDEN_MS = 3_000;

/** Follows the feed while the page is shown, until the returned function is called. */
export function followFeed(listener: FeedListener): () => void {
  let last: string | undefined;
  let open: AbortController | undefined;
  let hiding: number | undefined;

  /** One connection after the other. Where nobody is signed in, the page that says so takes over. */
  async function connect(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let refusal: ApiError | undefined;
      try {
        for await (const { event, data, id } of connection(last, signal, () => listener.opened())) {
          failures = 0;
          last = id ?? last;
          listener.told(event ?? "message", data, last ?? "");
        }
      } catch (error) {
        if (error instanceof ApiError) refusal = error;
      }
      if (signal.aborted) return;
      listener.lost();
      if (refusal?.status === 401) return;
      await pause(waitMs(failures++, refusal?.retryAfterMs, Math.random()), signal);
    }
  }
  const letGo = () => {
    if (!open) return;
    open.abort();
    open = undefined;
    listener.lost();
  };
  const look = () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(letGo, HIDDEN_MS);
    } else if (!open) {
      open = new AbortController();
      connect(open.signal);
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    clearTimeout(hiding);
    open?.abort();
  };
}

/**
 * The events of one connection.
 *
 * @throws {ApiError} when it is refused, breaks off or falls silent
 */
async function* connection(
  last: string | undefined,
  signal: AbortSignal,
  opened: () => void,
): AsyncGenerator<EventSourceMessage> {
  const dead = new AbortController();
  const end = () => dead.abort();
  let silence = setTimeout(end, SILENCE_MS);
  const forget = onAbort(signal, end);
  try {
    const reply = await send("GET", "/v2/events", {
      headers: last === undefined ? {} : { "last-event-id": last },
      signal: dead.signal,
    });
    if (!reply.ok || !reply.body) throw await errorOf(reply);
    opened();
    yield* eventsOf(reply.body, () => {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MS);
    });
  } finally {
    clearTimeout(silence);
    forget();
    // What was not read to its end is let go.
    end();
  }
}
