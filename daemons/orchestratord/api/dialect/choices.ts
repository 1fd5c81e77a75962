import { LinkedAbort } from "#shared/aborts.ts";
import type { TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { LiveJob } from "../../jobs/live_job.ts";
import type { Orchestrator } from "../../service.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { RunAttempt } from "../../jobs/relay.ts";
import { followKept, followLive } from "../../jobs/follow.ts";
import { checkModelName, seesPaths } from "../hide_paths.ts";
import { scopedKey } from "../own_jobs.ts";

/** One of the jobs that answer a request. */
export interface ChoiceJob {
  readonly id: string;
  /** ms since the epoch */
  readonly createdAt: number;
  readonly tenant: string;
  readonly request: TaskRequest;
  /** Its events from the first on, as a client reads them. */
  read(signal: AbortSignal): AsyncGenerator<readonly StreamItem[]>;
}

/** How the jobs of a request are submitted. */
export interface Submitting {
  readonly correlationId: string;
  readonly caller: Caller | undefined;
  readonly runAttempt?: RunAttempt;
  /** How long the client wants the worker kept afterwards, in ms. */
  readonly keepMs?: number | undefined;
  /** Makes the jobs durable: the same request with the same key gets their answer again. */
  readonly idempotencyKey?: string | undefined;
  /** See {@linkcode SubmitOptions.namesImages}. */
  readonly namesImages?: boolean | undefined;
}

/** Items that arrived together, of one of the jobs that answer a request. */
export interface ChoiceItems {
  /** Index of the job. */
  readonly choice: number;
  readonly items: readonly StreamItem[];
}

/**
 * Submits the jobs of one request: all of them or none. They are stored only with an idempotency key.
 *
 * @throws {LlorchError} with the codes that the routes list
 */
export async function submitAll(
  orchestrator: Orchestrator,
  tasks: readonly TaskRequest[],
  { correlationId, caller, runAttempt, keepMs, idempotencyKey: key, namesImages }: Submitting,
): Promise<ChoiceJob[]> {
  const { access, jobs } = orchestrator;
  const terms = await access.terms(caller, jobs);
  const taken: ChoiceJob[] = [];
  try {
    for (const [choice, task] of tasks.entries()) {
      checkModelName(caller, task.model);
      const options = {
        correlationId,
        runAttempt,
        keepMs,
        namesImages,
        seesTarget: seesPaths(caller),
        ...terms,
      };
      if (key !== undefined) {
        // No client can send a key with a space.
        const own = scopedKey(caller, choice === 0 ? key : `${key} ${choice}`);
        const { accepted, job } = await jobs.submit({ ...task, detached: true }, {
          ...options,
          durable: true,
          idempotencyKey: own,
        });
        taken.push(
          job ? liveChoice(orchestrator, job) : await keptChoice(orchestrator, accepted.job_id),
        );
        continue;
      }
      const { job } = await jobs.submit(task, { ...options, durable: false });
      if (!job) throw new LlorchError("INTERNAL", "A volatile job has no live job");
      taken.push(liveChoice(orchestrator, job));
    }
    return taken;
  } catch (error) {
    for (const { id } of taken) jobs.cancel(id, "Another choice of the request was refused");
    throw error;
  }
}

function liveChoice(orchestrator: Orchestrator, job: LiveJob): ChoiceJob {
  const { createdAt, tenant, store, request } = job.facts;
  // A stored job goes on without its client.
  const graceMs = store ? orchestrator.config.streams.disconnect_grace_ms : 0;
  const read = (signal: AbortSignal) => followLive(orchestrator, job, 0, signal, graceMs);
  return { id: job.id, createdAt, tenant, request, read };
}

/** A job that has ended. */
async function keptChoice(orchestrator: Orchestrator, id: string): Promise<ChoiceJob> {
  const row = await orchestrator.store.get(id);
  if (row?.request === undefined) {
    throw new LlorchError(
      "CONTENT_EXPIRED",
      "The answer that belongs to this Idempotency-Key was erased after its retention",
    );
  }
  const { createdAt, tenant, request } = row;
  return { id, createdAt, tenant, request, read: () => followKept(orchestrator, id, 0) };
}

/**
 * Follows the jobs that answer one request, and yields their items as they come. When the client leaves,
 * or the caller stops reading, those that are not stored are cancelled.
 */
export async function* followAll(
  jobs: readonly ChoiceJob[],
  signal: AbortSignal,
): AsyncGenerator<ChoiceItems> {
  const [only, ...others] = jobs;
  if (only && others.length === 0) {
    for await (const items of only.read(signal)) yield { choice: 0, items };
    return;
  }
  using leave = new LinkedAbort(signal);
  const readers = jobs.map((job) => job.read(leave.signal));
  const arrivals = new Arrivals<
    { choice: number; result: IteratorResult<readonly StreamItem[]> }
  >();
  const pull = (choice: number) =>
    arrivals.add(readers[choice]!.next().then((result) => ({ choice, result })));
  try {
    // The last first: those that wait are cancelled before those whose slots they would get.
    for (const choice of readers.keys().toArray().reverse()) pull(choice);
    for (let open = readers.length; open > 0;) {
      const { choice, result } = await arrivals.next();
      if (result.done) {
        open--;
        continue;
      }
      yield { choice, items: result.value };
      pull(choice);
    }
  } finally {
    leave.abort();
    await Promise.all(readers.map((reader) => reader.return(undefined)));
  }
}

/** Promises in the order in which they settle. */
class Arrivals<T> {
  #arrived: Promise<T>[] = [];
  #wake: () => void = () => {};

  add(promise: Promise<T>): void {
    const arrive = () => {
      this.#arrived.push(promise);
      this.#wake();
    };
    promise.then(arrive, arrive);
  }

  async next(): Promise<T> {
    while (this.#arrived.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return await this.#arrived.shift()!;
  }
}
