import {
  type EndData,
  type Route,
  type RouteCall,
  type RouteResult,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { StoredCall } from "../store/job_store.ts";
import { ended, type RunAttempt } from "./relay.ts";

/** A call of a worker that makes up a whole attempt. */
export interface WorkerCall<R extends Route> {
  readonly route: R;
  readonly input: RouteCall<R>;
  /** A worker that has not answered after this time hangs, in milliseconds. */
  readonly timeoutMs: number;
  /** Tokens that the call evaluated. */
  readonly tokensOf: (reply: RouteResult<R>) => number;
  /** Takes the reply, once. */
  readonly onReply?: (reply: RouteResult<R>) => void;
  /** The fields of the `end` event that hold the reply, for a stored job. */
  readonly resultOf?: (reply: RouteResult<R>) => Partial<EndData>;
}

/**
 * An attempt that is one call instead of a stream, for requests with a single reply and nothing to resume.
 * It emits `started` and `end` as a stream would, so that everything else works the same.
 */
export function callAttempt<R extends Route>(call: WorkerCall<R>): RunAttempt {
  return async ({ client, workerId, request, signal, correlationId, onEvent }) => {
    const { job_id, model } = request;
    const began = performance.now();
    const started_at = new Date().toISOString();
    await onEvent({ event: "started", data: { job_id, worker_id: workerId, model, started_at } });
    try {
      const { route, input, timeoutMs, tokensOf, onReply, resultOf } = call;
      const reply = await client.call(route, input, { signal, timeoutMs, correlationId });
      // The attempt was fenced while it waited for the reply: another attempt answers.
      if (signal.aborted) return { kind: "lost", message: "the attempt was aborted" };
      onReply?.(reply);
      await onEvent({
        event: "end",
        data: {
          tokens_in: tokensOf(reply),
          tokens_cached: 0,
          tokens_out: 0,
          ttft_ms: performance.now() - began,
          decode_time_ms: 0,
          stop_reason: "EOS",
          seed: 0,
          ...resultOf?.(reply),
        },
      });
      return { kind: "done" };
    } catch (error) {
      if (error instanceof LlorchError) return ended(error);
      return { kind: "lost", message: errorMessage(error), brokeOff: true };
    }
  };
}

/**
 * The attempts of a job that is stored with its call, after a restart too.
 *
 * @param timeoutMs See {@linkcode WorkerCall.timeoutMs}.
 */
export function storedAttempt({ input }: StoredCall, timeoutMs: number): RunAttempt {
  return callAttempt({
    route: workerRoutes.embed,
    input: { body: { input: input.map((each) => typeof each === "string" ? each : [...each]) } },
    timeoutMs,
    tokensOf: ({ tokens }) => tokens,
    resultOf: ({ embeddings }) => ({ embeddings }),
  });
}
