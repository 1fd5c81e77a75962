import {
  type Attempt,
  type ErrorData,
  type TaskRequest,
  taskRequest,
  type TaskRequestInput,
  type WorkerEvent,
} from "#shared/contracts/mod.ts";
import type { JobStream } from "../jobs/job_stream.ts";
import { LiveJob, type LiveJobFacts } from "../jobs/live_job.ts";
import type { NumberedEvent } from "../store/job_store.ts";
import { A } from "./scheduler.ts";

/**
 * Time at which the jobs of tests are accepted: the start of the fake clock, in ms since the epoch.
 */
export const T0 = 1_000_000;

/** A task for the model "a". */
export function taskOf(more: Partial<TaskRequestInput> = {}): TaskRequest {
  return taskRequest.parse({ model: "a", prompt: "w0", ...more });
}

/** Facts of a job that is not stored, and that no worker runs. */
export function factsOf(more: Partial<LiveJobFacts> = {}): LiveJobFacts {
  return {
    id: "j1",
    request: taskOf(),
    fingerprint: A,
    seed: 7,
    createdAt: T0,
    deadlineAt: undefined,
    store: undefined,
    onStored() {},
    onBroken: (error) => {
      throw error;
    },
    correlationId: "c1",
    inTrace: (work) => work(),
    runAttempt: () => Promise.reject(new Error("No worker runs this job")),
    tenant: "",
    ...more,
  };
}

/** An accepted live job: it has its `queued` event, also in its store if it has one. */
export async function acceptedJob(more: Partial<LiveJobFacts> = {}): Promise<LiveJob> {
  const facts = factsOf(more);
  const job = new LiveJob(facts);
  const { id: jobId, store, request, fingerprint, seed, createdAt, tenant } = facts;
  await job.accept(
    { event: "queued", data: { job_id: jobId, queue_position: 0, predicted_start_ms: 0 } },
    async (queued) => {
      await store?.accept({
        ...{ jobId, request, fingerprint, seed, createdAt, tenant },
        idempotencyKey: undefined,
        bodySha256: "x",
        deadlineAt: undefined,
      }, queued);
    },
  );
  return job;
}

/** An attempt on a worker of the pool "p1". */
export function attemptOn(worker_id: string): Attempt {
  return { worker_id, pool_id: "p1", started_at: new Date(T0).toISOString() };
}

/** An event of a worker's stream. */
type EventOf<Name extends WorkerEvent["event"]> = Extract<WorkerEvent, { event: Name }>;

/** The start of a job on a worker. */
export function started(job_id = "j1"): EventOf<"started"> {
  const started_at = new Date(T0).toISOString();
  return { event: "started", data: { job_id, worker_id: "w1", model: "m", started_at } };
}

/** A token event, by default of one token. */
export function token(i: number, ids: readonly number[] = [i + 1]): EventOf<"token"> {
  return { event: "token", data: { t: ` w${i + 1}`, i, ids: [...ids] } };
}

/** A metrics event. */
export function metrics(
  tokens_out: number,
  more: Partial<EventOf<"metrics">["data"]> = {},
): EventOf<"metrics"> {
  const data = { tokens_out, decode_time_ms: 1, tokens_per_second: 1, attempt: 1, ...more };
  return { event: "metrics", data };
}

/** The end of an answer to a prompt of one token. */
export function end(
  tokens_out: number,
  more: Partial<EventOf<"end">["data"]> = {},
): EventOf<"end"> {
  return {
    event: "end",
    data: {
      tokens_in: 1,
      tokens_cached: 0,
      tokens_out,
      ttft_ms: 1,
      decode_time_ms: 1,
      stop_reason: "EOS",
      seed: 0,
      ...more,
    },
  };
}

/** A cancelled job's last event. */
export const CANCELLED = {
  event: "error",
  data: { code: "CANCELLED", message: "no more", retriable: false },
} as const;

/** The events of a stream after an id, until it ends or releases its readers. */
export async function readAll(stream: JobStream, after = 0): Promise<NumberedEvent[]> {
  const events: NumberedEvent[] = [];
  for await (const items of stream.read(after, new AbortController().signal)) {
    for (const item of items) {
      if (item.kind === "event") events.push({ id: item.id, event: item.event });
    }
  }
  return events;
}

/** The events of a stream up to one with this id. */
export async function readTo(stream: JobStream, id: number): Promise<NumberedEvent[]> {
  const events: NumberedEvent[] = [];
  for await (const items of stream.read(0, new AbortController().signal)) {
    for (const item of items) {
      if (item.kind === "event") events.push({ id: item.id, event: item.event });
    }
    if ((events.at(-1)?.id ?? 0) >= id) return events;
  }
  throw new Error(`The stream has ended before event ${id}`);
}

/** Names of events, in order. */
export function names(events: readonly NumberedEvent[]): string[] {
  return events.map(({ event }) => event.event);
}

/** The error that a job ended with; undefined if its last event is not an error. */
export function errorOf(events: readonly NumberedEvent[]): ErrorData | undefined {
  const last = events.at(-1)?.event;
  return last?.event === "error" ? last.data : undefined;
}
