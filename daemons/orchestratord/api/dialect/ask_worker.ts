import {
  eventError,
  fallbackOf,
  type Route,
  type RouteCall,
  type RouteResult,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { callAttempt } from "../../jobs/call_attempt.ts";
import type { Orchestrator } from "../../service.ts";
import { tellingLoads } from "../loading.ts";
import { followAll, submitAll } from "./choices.ts";
import { type FieldNames, inItsWords } from "./field_names.ts";
import type { Asking } from "./serve.ts";

/** A call of a worker that answers a whole request. */
export interface WorkerQuestion<R extends Route> {
  /** Stands for the call at admission and in the queue. */
  readonly task: TaskRequest;
  readonly route: R;
  readonly input: RouteCall<R>;
  readonly names: FieldNames;
  /** Tokens that the call evaluated. */
  readonly tokensOf: (reply: RouteResult<R>) => number;
}

/** The reply of a worker. */
export interface WorkerAnswer<R extends Route> {
  readonly reply: RouteResult<R>;
  /** The model that answered: the one that was asked for, or the fallback of its name. */
  readonly model: string;
}

/**
 * Asks a worker of the task's model, as a job that is not stored and consists of one call.
 *
 * @throws {LlorchError} the job's error; `NOT_READY` if too many clients wait already
 */
export async function askWorker<R extends Route>(
  orchestrator: Orchestrator,
  asking: Asking,
  question: WorkerQuestion<R>,
): Promise<WorkerAnswer<R>> {
  const { task: { model }, names } = question;
  return await tellingLoads(
    orchestrator.loop,
    model,
    () => inItsWords(names, () => ask(orchestrator, asking, question)),
  );
}

async function ask<R extends Route>(
  orchestrator: Orchestrator,
  { signal, correlationId, caller, keepMs }: Asking,
  { task, route, input, tokensOf }: WorkerQuestion<R>,
): Promise<WorkerAnswer<R>> {
  let { model } = task;
  const answer: RouteResult<R>[] = [];
  const timeoutMs = orchestrator.config.failover.call_ms;
  const onReply = (reply: RouteResult<R>) => answer.push(reply);
  const runAttempt = callAttempt({ route, input, timeoutMs, tokensOf, onReply });
  return await orchestrator.openStreams.wait(async () => {
    const jobs = await submitAll(orchestrator, [task], {
      ...{ correlationId, caller, runAttempt, keepMs },
    });
    for await (const { items } of followAll(jobs, signal)) {
      for (const item of items) {
        if (item.kind !== "event") continue;
        model = fallbackOf(item.event) ?? model;
        if (item.event.event === "error") throw eventError(item.event.data);
      }
    }
    const [reply] = answer;
    if (reply === undefined) throw new LlorchError("CANCELLED", "The client went away");
    return { reply, model };
  });
}
