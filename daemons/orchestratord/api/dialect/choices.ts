import { LinkedAbort } from "#shared/aborts.ts";
import type { TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { LiveJob } from "../../jobs/live_job.ts";
import type { Orchestrator } from "../../service.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { RunAttempt } from "../../jobs/relay.ts";
import { followLive } from "../../jobs/follow.ts";
import { checkModelName, seesPaths } from "../hide_paths.ts";

/** Items that arrived together, of one of the jobs that answer a request. */
export interface ChoiceItems {
  /** Index of the job. */
  readonly choice: number;
  readonly items: readonly StreamItem[];
}

/**
 * Submits the jobs of one request, which are not stored: all of them or none.
 *
 * @throws {LlorchError} with the codes that the routes list
 */
export async function submitAll(
  { access, jobs }: Orchestrator,
  tasks: readonly TaskRequest[],
  { correlationId, caller, runAttempt }: {
    correlationId: string;
    caller: Caller | undefined;
    runAttempt?: RunAttempt;
  },
): Promise<LiveJob[]> {
  const terms = await access.terms(caller, jobs);
  const taken: LiveJob[] = [];
  try {
    for (const task of tasks) {
      checkModelName(caller, task.model);
      const { job } = await jobs.submit(task, {
        durable: false,
        correlationId,
        runAttempt,
        seesTarget: seesPaths(caller),
        ...terms,
      });
      if (!job) throw new LlorchError("INTERNAL", "A volatile job has no live job");
      taken.push(job);
    }
    return taken;
  } catch (error) {
    for (const { id } of taken) jobs.cancel(id, "Another choice of the request was refused");
    throw error;
  }
}

/**
 * Follows the jobs that answer one request, and yields their items as they come. When the client leaves,
 * or the caller stops reading, all of them are cancelled.
 */
export async function* followAll(
  orchestrator: Orchestrator,
  jobs: readonly LiveJob[],
  signal: AbortSignal,
): AsyncGenerator<ChoiceItems> {
  const [only, ...others] = jobs;
  if (only && others.length === 0) {
    for await (const items of followLive(orchestrator, only, 0, signal, 0)) {
      yield { choice: 0, items };
    }
    return;
  }
  using leave = new LinkedAbort(signal);
  const readers = jobs.map((job) => followLive(orchestrator, job, 0, leave.signal, 0));
  const arrivals = new Arrivals<
    { choice: number; result: IteratorResult<readonly StreamItem[]> }
  >();
  const pull = (choice: number) =>
    arrivals.add(readers[choice]!.next().then((result) => ({ choice, result })));
  try {
    readers.forEach((_, choice) => pull(choice));
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
