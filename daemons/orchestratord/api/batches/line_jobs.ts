import { onAbort } from "#shared/aborts.ts";
import { eventError, isTerminal, type KeyLimits, type TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError, toLlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Orchestrator } from "../../service.ts";
import { checkModelName, seesPaths } from "../hide_paths.ts";
import type { LineWork } from "./endpoints.ts";
import { pause } from "../pause.ts";
import type { Patience } from "../patience.ts";
import type { Place, Places } from "./places.ts";
import { type LineName, requestIdOf } from "./result.ts";
import { Tries } from "./tries.ts";

/** Events that are read from the store at a time. */
const PAGE = 1000;

const EXPIRED = "The output was erased before it was in the batch";

/** Dependencies of {@linkcode LineJobs}. */
export interface LineJobsDeps {
  readonly orchestrator: Orchestrator;
  readonly places: Places;
  readonly patiently: Patience;
  /** Aborts when the service stops: the next start goes on. */
  readonly stop: AbortSignal;
}

/** A job of a line. */
interface LineJob {
  readonly id: string;
  readonly createdAt: number;
  readonly request: TaskRequest;
  readonly place: Place;
}

/** A line that is being answered. */
export interface OpenLine {
  readonly name: LineName;
  readonly work: LineWork;
}

/** A job that has ended, with its events. */
export interface EndedJob {
  readonly job: Omit<LineJob, "place">;
  readonly items: readonly StreamItem[];
}

/** The jobs of the lines of one batch: submits them when there is room, and follows them to their end. */
export class LineJobs {
  readonly #deps: LineJobsDeps;
  readonly #tenant: string;
  readonly #end: AbortController;
  /** Whether jobs were left running because the service stops. */
  isInterrupted = false;

  /**
   * @param tenant Owner of the batch.
   * @param end Aborted when no further line is begun; aborting it cancels the jobs.
   */
  constructor(deps: LineJobsDeps, tenant: string, end: AbortController) {
    this.#deps = deps;
    this.#tenant = tenant;
    this.#end = end;
  }

  /** The holder of the batch's key; undefined, and the end of the batch, if the key has ended. */
  async holder(): Promise<{ readonly caller: Caller | undefined } | undefined> {
    if (this.#tenant === "") return { caller: undefined };
    const { orchestrator: { access }, patiently } = this.#deps;
    const caller = await patiently(() => access.holderOf(this.#tenant));
    if (caller) return { caller };
    this.#end.abort();
    return undefined;
  }

  /**
   * Makes a choice of a line by one job, or by several if they fail.
   *
   * @param onAdmitted Called when its first job is in the queue.
   * @returns undefined if it was given up, or goes on after a restart
   * @throws {LlorchError} the error with which the line ends
   */
  async choice(
    line: OpenLine,
    choice: number,
    onAdmitted: () => void,
  ): Promise<EndedJob | undefined> {
    const { clock, notReadyReason } = this.#deps.orchestrator;
    const tries = new Tries();
    while (true) {
      const key = `${requestIdOf(line.name)}.${choice}.${tries.next()}`;
      const job = await this.#existing(key) ?? await this.#submit(line, choice, key);
      onAdmitted();
      if (!job) return undefined;
      const items = await this.#follow(job);
      if (!items) return undefined;
      const error = errorIn(items);
      if (!error) return { job, items };
      if (error.code === "CANCELLED" && this.#end.signal.aborted) return undefined;
      const pauseMs = tries.pauseAfter(error, notReadyReason() === undefined);
      if (pauseMs === undefined) throw error;
      await pause(clock, pauseMs, this.#end.signal);
    }
  }

  /** The job that has this idempotency key already. */
  async #existing(key: string): Promise<LineJob | undefined> {
    const { orchestrator: { store }, places } = this.#deps;
    const row = await store.findByKey(this.#scoped(key));
    if (!row) return undefined;
    const { jobId: id, createdAt, request } = row;
    if (!request) throw new LlorchError("CONTENT_EXPIRED", EXPIRED);
    return { id, createdAt, request, place: places.adopt(this.#tenant) };
  }

  /**
   * Submits a job once there is a place for it.
   *
   * @returns undefined if no further line is begun
   * @throws {LlorchError} the error with which the line ends
   */
  async #submit(line: OpenLine, choice: number, key: string): Promise<LineJob | undefined> {
    const { orchestrator: { access, clock, jobs, notReadyReason }, places } = this.#deps;
    const { work } = line;
    const { signal } = this.#end;
    const tries = new Tries();
    while (true) {
      const limits = (await this.holder())?.caller?.limits;
      const place = await places.take(this.#tenant, mostOpen(limits), signal);
      // The key may have ended while its request waited.
      const holder = place && await this.holder();
      if (!holder) {
        place?.ended();
        return undefined;
      }
      const { caller } = holder;
      try {
        const task = (await work.tasks())[choice]!;
        checkModelName(caller, task.model);
        const { job } = await jobs.submit(inBackground(task), {
          durable: true,
          idempotencyKey: this.#scoped(key),
          correlationId: requestIdOf(line.name),
          call: work.call,
          namesImages: work.namesImages,
          seesTarget: seesPaths(caller),
          ...await access.terms(caller, jobs),
        });
        if (!job) throw new LlorchError("INTERNAL", "A new job is not live");
        place.queued();
        const { id, facts: { createdAt, request } } = job;
        return { id, createdAt, request, place };
      } catch (cause) {
        place.ended();
        tries.next();
        const pauseMs = tries.pauseAfter(toLlorchError(cause), notReadyReason() === undefined);
        if (pauseMs === undefined) throw cause;
        await pause(clock, pauseMs, signal);
      }
    }
  }

  /** Kept apart from the keys that clients choose, which have no space but the one behind a key's id. */
  #scoped(key: string): string {
    return `${this.#tenant} batch ${key}`;
  }

  /**
   * Reads a job to its end, and gives its place back.
   *
   * @returns undefined if the service stops before that
   */
  async #follow({ id, place }: LineJob): Promise<readonly StreamItem[] | undefined> {
    const { orchestrator: { jobs }, patiently, stop } = this.#deps;
    const forget = onAbort(this.#end.signal, () => {
      if (!stop.aborted) jobs.cancel(id, "The batch of this job has ended");
    });
    const items: StreamItem[] = [];
    let last = 0;
    let hasEnded = false;
    const read = async () => {
      for await (const batch of this.#events(id, last)) {
        for (const item of batch) {
          if (item.kind !== "event") continue;
          items.push(item);
          last = item.id;
          if (item.event.event !== "queued") place.started();
          hasEnded ||= isTerminal(item.event);
        }
        if (hasEnded) return;
      }
    };
    try {
      await patiently(read);
      if (hasEnded) return items;
    } finally {
      forget();
      place.ended();
    }
    const { store } = this.#deps.orchestrator;
    const row = await store.get(id);
    if (row && row.endedAt === undefined || stop.aborted) {
      this.isInterrupted = true;
      return undefined;
    }
    throw new LlorchError("CONTENT_EXPIRED", EXPIRED);
  }

  /** The events of a job after an id, up to its end; reading them is no use of the job. */
  async *#events(jobId: string, after: number): AsyncGenerator<readonly StreamItem[]> {
    const { orchestrator: { jobs, store }, stop } = this.#deps;
    const job = jobs.live(jobId);
    if (job) return yield* job.stream.read(after, stop);
    if ((await store.get(jobId))?.request === undefined) return;
    for (let last = after;;) {
      const page = await store.events(jobId, last, PAGE);
      yield page.map(({ id, event }) => ({ kind: "event", id, event }));
      if (page.length < PAGE) return;
      last = page.at(-1)!.id;
    }
  }
}

/** The task of a line: it runs when there is room, with or without a reader. */
function inBackground(task: TaskRequest): TaskRequest {
  return { ...task, priority: "batch", detached: true };
}

/** The jobs that a key's batches may have at a time: one less than the key, for its other requests. */
function mostOpen(limits: KeyLimits | undefined): number {
  const most = limits?.concurrent_jobs;
  return most === undefined ? Infinity : Math.max(1, most - 1);
}

function errorIn(items: readonly StreamItem[]): LlorchError | undefined {
  const last = items.at(-1);
  return last?.kind === "event" && last.event.event === "error"
    ? eventError(last.event.data)
    : undefined;
}
