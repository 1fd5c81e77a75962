import { LinkedAbort } from "#shared/aborts.ts";
import { type Backoff, backoffMs } from "#shared/backoff.ts";
import { parseJson } from "#shared/json.ts";
import { type JobEvent, jobEvent } from "#shared/contracts/events.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { SSE_KEEP_ALIVE_MS } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { SseMessage } from "#shared/http/sse.ts";
import { delay } from "#shared/lifecycle.ts";

/** An event of a job; events that are kept have an id. */
export type FollowedEvent = JobEvent & { readonly id?: number };

/** How long to reconnect without receiving an event, in milliseconds. */
const RECONNECT_FOR_MS = 30_000;

/** Pauses before reconnecting. */
const BACKOFF: Backoff = { firstMs: 50, maxMs: 2_000 };

/**
 * A stream without events for this long is reopened, in milliseconds: a dead connection looks like
 * a waiting job, and reconnecting is cheap.
 */
const IDLE_MS = 3 * SSE_KEEP_ALIVE_MS;

/** How a job is followed. */
export interface FollowOptions {
  readonly signal: AbortSignal;
  /**
   * Whether the job is known to exist, so that a failed first connection is retried. @default false
   */
  readonly isKnown?: boolean;
  /** Called once for each connection that was lost. */
  readonly onDrop?: () => void;
}

/**
 * Yields every event of a job from its first to its terminal one, each once. Lost connections are
 * opened again.
 *
 * @throws {LlorchError} when the job cannot be followed, or no longer
 */
export async function* followJob(
  client: Client,
  jobId: string,
  { signal, isKnown = false, onDrop = () => {} }: FollowOptions,
): AsyncGenerator<FollowedEvent> {
  let last = 0;
  let mayRetry = isKnown;
  let lostAt: number | undefined;
  let failures = 0;
  while (true) {
    try {
      for await (const message of connection(client, jobId, last, signal)) {
        [mayRetry, lostAt, failures] = [true, undefined, 0];
        const event = parseEvent(message);
        if (event.id !== undefined && event.id <= last) continue;
        last = event.id ?? last;
        yield event;
        if (event.event === "end" || event.event === "error") return;
      }
      throw new LlorchError("WORKER_LOST", `The stream of job "${jobId}" broke off`);
    } catch (error) {
      signal.throwIfAborted();
      if (!mayRetry || isFinal(error)) throw error;
      if (lostAt === undefined) onDrop();
      lostAt ??= performance.now();
      if (performance.now() - lostAt > RECONNECT_FOR_MS) throw error;
    }
    await delay(backoffMs(++failures, BACKOFF), signal);
  }
}

const idleReason = () => new DOMException("No event came for too long", "AbortError");

/** The messages of one connection. */
async function* connection(
  client: Client,
  jobId: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<SseMessage> {
  using idle = new LinkedAbort(signal);
  let touch = idle.abortAfter(IDLE_MS, idleReason);
  try {
    const { events } = await client.stream(routes.taskEvents, {
      params: { id: jobId },
      headers: after === 0 ? {} : { "last-event-id": String(after) },
    }, { signal: idle.signal });
    for await (const message of events) {
      touch();
      yield message;
      touch = idle.abortAfter(IDLE_MS, idleReason);
    }
  } finally {
    idle.abort();
  }
}

/** Whether the service refused for good. A broken connection is not a `LlorchError`. */
function isFinal(error: unknown): boolean {
  return error instanceof LlorchError && !error.retriable;
}

function parseEvent({ event, data, id }: SseMessage): FollowedEvent {
  const parsed = jobEvent.safeParse({ event, data: parseJson(data) });
  if (!parsed.success) {
    throw new LlorchError("INTERNAL", `Cannot read the event "${event}": ${data.slice(0, 200)}`);
  }
  return id === undefined ? parsed.data : { ...parsed.data, id: Number(id) };
}
