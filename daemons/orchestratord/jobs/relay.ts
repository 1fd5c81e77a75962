import type { z } from "zod";
import { LinkedAbort } from "#shared/aborts.ts";
import { forGiven } from "#shared/config/given_fields.ts";
import {
  eventError,
  type ExecuteRequest,
  type WorkerEvent,
  workerEvent,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { type Clock, systemClock } from "#shared/clock.ts";
import { seenTerm } from "#shared/terms.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { SseMessage } from "#shared/http/sse.ts";
import type { Outcome } from "../scheduler/state.ts";
import { Watchdog } from "./watchdog.ts";

/** A worker closes the stream within this time after its last event, in ms. */
const LAST_BYTES_MS = 1_000;

/** Options of {@linkcode RunAttempt}. */
export interface RelayOptions {
  readonly client: Client;
  readonly workerId: string;
  readonly request: ExecuteRequest;
  /** Aborting it closes the connection, which cancels the attempt on the worker. */
  readonly signal: AbortSignal;
  /** A worker that sends no event for this long hangs, in ms. */
  readonly stallMs: number;
  readonly correlationId: string;
  readonly clock: Clock;
  /** Takes each event except `error`. While its promise is pending, no more is read from the worker. */
  readonly onEvent: (event: Exclude<WorkerEvent, { event: "error" }>) => void | Promise<void>;
}

/** Runs one attempt: relays a generation, or makes one call. */
export type RunAttempt = (options: RelayOptions) => Promise<RelayOutcome>;

/** How an attempt ended, seen from the connection. */
export type RelayOutcome =
  | Exclude<Outcome, { kind: "failed" | "lost" }>
  | Extract<Outcome, { kind: "lost" }> & {
    /** The worker has seen a leader of this higher term. */
    readonly seenTerm?: number | undefined;
  }
  | { readonly kind: "failed"; readonly error: LlorchError };

/** Error codes of a worker after which a try on another worker, or on the same one later, may succeed. */
const WORTH_ANOTHER_TRY = new Set([
  "NOT_READY",
  "QUEUE_FULL",
  "WORKER_LOST",
  "CONFLICT",
  "STALE_TERM",
  "CANCELLED",
  "INTERNAL",
  "UNAUTHORIZED",
]);

/** Runs one attempt on a worker and passes its events on as they come. */
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
          // orchestratord causes this wait: it must not count as the worker's silence.
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
    return {
      kind: "lost",
      message: "the worker's stream ended without an end event",
      brokeOff: true,
    };
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
 * Reads the body to its end after the last event: then the connection can be used for the next job.
 */
async function readToEnd(
  batches: AsyncGenerator<unknown>,
  end: Pick<LinkedAbort, "abort">,
): Promise<void> {
  const stop = systemClock.after(LAST_BYTES_MS, () => end.abort());
  try {
    while (!(await batches.next()).done);
  } catch {
    // The next job opens a new connection.
  } finally {
    stop();
  }
}

/** The outcome of an attempt that ended with a worker's error. */
export function ended(error: LlorchError): RelayOutcome {
  // The worker's engine cannot go on from the middle of an answer: the job ends, and its client may
  // send the request again.
  if (error.code === "WORKER_LOST" && !error.retriable) {
    return { kind: "failed", error: new LlorchError("WORKER_LOST", error.message) };
  }
  return WORTH_ANOTHER_TRY.has(error.code)
    ? { kind: "lost", message: `${error.code}: ${error.message}`, seenTerm: seenTerm(error) }
    : { kind: "failed", error };
}

/**
 * Parses a worker's event. Most events are tokens, which are checked by hand; all others go through the
 * schema.
 *
 * @throws {SyntaxError} on invalid JSON
 * @throws {TypeError} on anything that the contract does not know
 */
function parseEvent(message: SseMessage): WorkerEvent {
  const data = JSON.parse(message.data);
  const isToken = message.event === "token";
  // An event's text belongs to a call exactly if the event says to which.
  if (isToken && (data?.channel === "call") !== (data?.call !== undefined)) throw notToken();
  const isPlain = data?.logprobs === undefined && data?.timings === undefined;
  if (isToken && isPlain && data?.call === undefined) {
    const { t, i, ids, channel, mirostat_mu } = data ?? {};
    const isWhole = typeof t === "string" && Number.isSafeInteger(i) && Array.isArray(ids) &&
      (channel === undefined || channel === "reasoning") &&
      (mirostat_mu === undefined || Number.isFinite(mirostat_mu));
    if (!isWhole) throw notToken();
    const plain = channel ? { t, i, ids, channel } : { t, i, ids };
    return { event: "token", data: mirostat_mu === undefined ? plain : { ...plain, mirostat_mu } };
  }
  const schema = DATA_OF.get(message.event);
  const parsed = schema && forGiven<z.ZodType>(schema, data).safeParse(data);
  if (parsed?.success) return { event: message.event, data: parsed.data } as WorkerEvent;
  const name = message.event.slice(0, 40);
  throw new TypeError(`The worker sent an unknown event "${name}": ${MAY_BE_NEWER}`, {
    cause: parsed?.error,
  });
}

/** Schemas of the data of a worker's events, by their names. */
const DATA_OF: ReadonlyMap<string, z.ZodType> = new Map(
  workerEvent.options.map(({ shape }) => [shape.event.value, shape.data]),
);

const MAY_BE_NEWER = "if it is newer than orchestratord, upgrade orchestratord first";

function notToken(): TypeError {
  return new TypeError(`The worker sent a token event that is not known: ${MAY_BE_NEWER}`);
}
