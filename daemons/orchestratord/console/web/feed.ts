/** The connection to the live feed (`GET /v2/events`), which is open while the page is visible. */
import { onAbort } from "#shared/aborts.ts";
import type { EventSourceMessage } from "eventsource-parser";
import { ApiError, errorOf, send } from "./api.ts";
import { pause, waitMs } from "./reconnect.ts";
import { eventsOf } from "./sse.ts";

/** Callbacks of {@linkcode followFeed}. */
export interface FeedListener {
  opened(): void;
  /** @param id Id of the event; if it has none, of the last event before it that has one. */
  received(name: string, data: string, id: string): void;
  /** The connection broke or was refused; it is opened again. */
  lost(): void;
}

/** Rates come every second: a connection that is silent for this long is dead, in ms. */
const SILENCE_MS = 15_000;

/**
 * A hidden page closes its feed after this time, in ms: browsers open only six connections to a service,
 * for all tabs together, and calls need one, too.
 */
const HIDDEN_MS = 3_000;

/** Follows the feed while the page is shown, until the returned function is called. */
export function followFeed(listener: FeedListener): () => void {
  let last: string | undefined;
  let open: AbortController | undefined;
  let hiding: number | undefined;

  /** Connects again and again. Ends if nobody is signed in: then the page to sign in takes over. */
  async function connect(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let refusal: ApiError | undefined;
      try {
        for await (const { event, data, id } of connection(last, signal, () => listener.opened())) {
          failures = 0;
          last = id ?? last;
          listener.received(event ?? "message", data, last ?? "");
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
  const disconnect = () => {
    if (!open) return;
    open.abort();
    open = undefined;
    listener.lost();
  };
  const look = () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(disconnect, HIDDEN_MS);
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
 * @throws {ApiError} if it is refused, breaks or falls silent
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
    // Closes the connection if it was not read to its end.
    end();
  }
}
