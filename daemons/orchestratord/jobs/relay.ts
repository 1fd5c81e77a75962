import { LinkedAbort } from "#shared/aborts.ts";
import {
  eventError,
  type ExecuteRequest,
  type WorkerEvent,
  workerEvent,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import type { Clock } from "#shared/clock.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { SseMessage } from "#shared/http/sse.ts";
import { Watchdog } from "./watchdog.ts";

/** A worker that has sent its last event closes the stream within this, in milliseconds. */
const LAST_BYTES_MS = 1_000;

/** What one attempt needs. */
export interface RelayOptions {
  readonly client: Client;
  readonly workerId: string;
  readonly request: ExecuteRequest;
  /** Aborting it closes the connection, which the worker takes for a cancel. */
  readonly signal: AbortSignal;
  /** No event at all for this long means that the worker hangs, in milliseconds. */
  readonly stallMs: number;
  readonly correlationId: string;
  readonly clock: Clock;
  /** Takes each event but `error`; may wait, and then the worker's stream waits too. */
  readonly onEvent: (event: Exclude<WorkerEvent, { event: "error" }>) => void | Promise<void>;
}

/** Runs one attempt: relays a generation, or makes one call. */
export type RunAttempt = (options: RelayOptions) => Promise<RelayOutcome>;

/** How an attempt ended, seen from the connection. */
export type RelayOutcome =
  | { readonly kind: "done" }
  | {
    readonly kind: "lost";
    readonly message: string;
    readonly silentMs?: number;
    readonly brokeOff?: true;
  }
  | { readonly kind: "failed"; readonly error: LlorchError };

/** Codes of a worker that another worker, or the same a little later, may not give. */
const WORTH_ANOTHER_TRY = new Set([
  "NOT_READY",
  "QUEUE_FULL",
  "WORKER_LOST",
  "CONFLICT",
  "CANCELLED",
  "INTERNAL",
  "UNAUTHORIZED",
]);

/** Runs one attempt on a worker and hands its events on as they come. */
export async function relay(options: RelayOptions): Promise<RelayOutcome> {
  using end = new LinkedAbort(options.signal);
  let isStalled = false;
  let isDone = false;
  const watchdog = new Watchdog(options.clock, options.stallMs, () => {
    isStalled = true;
    end.abort();
  });
  try {
    const { batches } = await options.client.stream(
      workerRoutes.execute,
      { body: options.request },
      { signal: end.signal, timeoutMs: 2 * options.stallMs, correlationId: options.correlationId },
    );
    while (true) {
      const { done, value: messages } = await batches.next();
      if (done) break;
      watchdog.touch();
      for (const message of messages) {
        const event = parseEvent(message);
        if (event.event === "error") {
          return ended(eventError(event.data));
        }
        const waiting = options.onEvent(event);
        if (waiting) {
          // It is we who are slow now.
          watchdog.pause();
          await waiting;
          watchdog.touch();
        }
        if (event.event === "end") {
          isDone = true;
          void readToEnd(batches, end);
          return { kind: "done" };
        }
      }
    }
    return { kind: "lost", message: "the worker's stream ended without an end", brokeOff: true };
  } catch (error) {
    if (isStalled) {
      const silentMs = options.stallMs;
      return { kind: "lost", message: `the worker was silent for ${silentMs} ms`, silentMs };
    }
    if (error instanceof LlorchError) return ended(error);
    const message = `the worker's stream broke off: ${errorMessage(error)}`;
    return { kind: "lost", message, brokeOff: true };
  } finally {
    if (!isDone) end.abort();
    watchdog.stop();
  }
}

/**
 * Reads what is left after the last event, which is nothing: a body that was read to its end leaves a
 * connection for the next job.
 */
async function readToEnd(
  batches: AsyncGenerator<unknown>,
  end: Pick<LinkedAbort, "abort">,
): Promise<void> {
  const late = setTimeout(() => end.abort(), LAST_BYTES_MS);
  try {
    while (!(await batches.next()).done);
  } catch {
    // Then the next job makes a connection of its own.
  } finally {
    clearTimeout(late);
  }
}

/** What a worker's error means for the job. */
export function ended(error: LlorchError): RelayOutcome {
  // A worker says so of an answer that its engine cannot go on with from the middle: the job ends, and
  // its client may ask again.
  if (error.code === "WORKER_LOST" && !error.retriable) {
    return { kind: "failed", error: new LlorchError("WORKER_LOST", error.message) };
  }
  return WORTH_ANOTHER_TRY.has(error.code)
    ? { kind: "lost", message: `${error.code}: ${error.message}` }
    : { kind: "failed", error };
}

/**
 * Tokens are by far the most events and are checked by hand; the rest goes through the schema.
 *
 * @throws {TypeError} on anything that the contract does not know.
 */
function parseEvent(message: SseMessage): WorkerEvent {
  const data = JSON.parse(message.data);
  if (message.event === "token" && data?.logprobs === undefined) {
    const { t, i, ids, channel } = data ?? {};
    const isToken = typeof t === "string" && Number.isSafeInteger(i) && Array.isArray(ids) &&
      (channel === undefined || channel === "reasoning");
    if (!isToken) throw new TypeError("The worker sent a token event that is not one");
    return { event: "token", data: channel ? { t, i, ids, channel } : { t, i, ids } };
  }
  const parsed = workerEvent.safeParse({ event: message.event, data });
  if (parsed.success) return parsed.data;
  throw new TypeError(`The worker sent an unknown event "${message.event.slice(0, 40)}"`, {
    cause: parsed.error,
  });
}
