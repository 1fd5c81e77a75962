import { onAbort } from "#shared/aborts.ts";
import {
  type BatchEndpoint,
  eventError,
  isTerminal,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError, toLlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { Logger } from "#shared/logging.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Orchestrator } from "../../service.ts";
import type { BatchRow, LineResult } from "../../store/batch_store.ts";
import { linesOf } from "../files/lines.ts";
import { checkModelName, seesPaths } from "../hide_paths.ts";
import type { Endpoint, LineWork } from "./endpoints.ts";
import { checkLine, type LineValue, parseLine } from "./line.ts";
import { writeOutputs } from "./outputs.ts";
import type { Place, Places } from "./places.ts";
import { Tries } from "./tries.ts";
import { answered, type GivenUp, type LineName, refused, requestIdOf } from "./result.ts";

/** Pause before the files are written again, if they could not be, in ms. */
const WRITE_PAUSE_MS = 10_000;

/** Events that are read from the store at a time. */
const PAGE = 1000;

const EXPIRED = "The output was erased before it was in the batch";

/** Dependencies of {@linkcode BatchRun}. */
export interface RunDeps {
  readonly orchestrator: Orchestrator;
  readonly endpoints: Readonly<Record<BatchEndpoint, Endpoint>>;
  readonly places: Places;
  readonly log: Logger;
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
interface OpenLine {
  readonly name: LineName;
  readonly work: LineWork;
  readonly caller: Caller | undefined;
}

/** A job that has ended, with its events. */
interface EndedJob {
  readonly job: LineJob;
  readonly items: readonly StreamItem[];
}

/**
 * Runs one batch from where it stands to its end. Each job of a line has an idempotency key made of the
 * batch, the line, the choice and the try, and each line has one result: so a restart at any moment loses
 * and doubles nothing.
 */
export class BatchRun {
  readonly #deps: RunDeps;
  readonly #batch: BatchRow;
  readonly #endpoint: Endpoint;
  /** Aborts when no further line is begun. */
  readonly #end = new AbortController();
  #why: GivenUp = "cancelled";
  /** Lines that are being answered. */
  readonly #open = new Set<Promise<void>>();
  /** Whether jobs were left running because the service stops. */
  #isInterrupted = false;
  #isFinishing = false;
  #broken: { readonly error: unknown } | undefined;

  constructor(deps: RunDeps, batch: BatchRow) {
    this.#deps = deps;
    this.#batch = batch;
    this.#endpoint = deps.endpoints[batch.endpoint as BatchEndpoint];
  }

  /** Runs it to its end, or until the service stops. */
  async run(): Promise<void> {
    const { orchestrator: { clock, store }, stop } = this.#deps;
    const { id, status, expiresAt, inProgressAt } = this.#batch;
    const release = onAbort(stop, () => this.#end.abort());
    const left = expiresAt - clock.now();
    const forget = left <= 0
      ? this.#giveUp("expired")
      : clock.after(left, () => this.#giveUp("expired"));
    try {
      if (status === "cancelling") this.#giveUp("cancelled");
      else if (inProgressAt === undefined) {
        await store.batches.update(id, { status: "in_progress", inProgressAt: clock.now() });
      }
      await this.#answerLines(inProgressAt !== undefined);
      await Promise.all(this.#open);
      if (this.#broken) throw this.#broken.error;
      this.#isFinishing = true;
      if (!stop.aborted && !this.#isInterrupted) await this.#finish();
    } catch (error) {
      await this.#fail(error);
    } finally {
      release();
      forget?.();
    }
  }

  /**
   * Begins no further line, and cancels the jobs that wait or run.
   *
   * @returns false if all lines have ended already
   */
  async cancel(): Promise<boolean> {
    if (this.#isFinishing) return false;
    this.#giveUp("cancelled");
    const { clock, store } = this.#deps.orchestrator;
    const cancellingAt = clock.now();
    await store.batches.update(this.#batch.id, { status: "cancelling", cancellingAt });
    return true;
  }

  #giveUp(why: GivenUp): undefined {
    if (!this.#end.signal.aborted) this.#why = why;
    this.#end.abort();
  }

  /** @param isResumed Whether an earlier process has begun it, so that any line may have a job. */
  async #answerLines(isResumed: boolean): Promise<void> {
    const { orchestrator: { store }, stop } = this.#deps;
    const { id, inputFileId } = this.#batch;
    const done = new Set(await store.batches.linesDone(id));
    const seen = new Set<string>();
    for await (const { number, bytes } of linesOf(store.files, inputFileId)) {
      if (stop.aborted || this.#end.signal.aborted && !isResumed) return;
      const name = { batchId: id, line: number, customId: undefined };
      let value: LineValue | undefined;
      try {
        value = parseLine(bytes, this.#endpoint.exact);
        const { customId } = value;
        if (customId !== undefined && seen.has(customId) && !done.has(number)) {
          const message = `is also that of an earlier line: "${customId}"`;
          throw invalidRequest([{ field: "custom_id", message }]);
        }
        if (customId !== undefined) seen.add(customId);
        if (!done.has(number)) await this.#begin({ ...name, customId }, value.value);
      } catch (error) {
        if (done.has(number)) continue;
        await this.#refuse({ ...name, customId: value?.customId }, error, undefined);
      }
    }
  }

  /** Begins a line; resolves when its jobs have places in the queue. */
  async #begin(name: LineName, value: unknown): Promise<void> {
    const { body } = checkLine(value, this.#batch.endpoint as BatchEndpoint);
    const { access } = this.#deps.orchestrator;
    const { tenant } = this.#batch;
    const caller = tenant === "" ? undefined : await access.holderOf(tenant);
    if (tenant !== "" && !caller) return this.#giveUp("cancelled");
    const line: OpenLine = { name, caller, work: this.#endpoint.work(body, caller) };
    const choices: Promise<EndedJob | undefined>[] = [];
    for (let choice = 0; choice < line.work.choices; choice++) {
      const admitted = Promise.withResolvers<unknown>();
      const ended = this.#choice(line, choice, () => admitted.resolve(undefined));
      // Its error is that of the line, which is awaited below.
      ended.then(admitted.resolve, admitted.resolve);
      choices.push(ended);
      await admitted.promise;
    }
    const answer = this.#answer(line, choices).catch((error) => this.#refuse(name, error, caller))
      .catch((error) => this.#break(error))
      .finally(() => this.#open.delete(answer));
    this.#open.add(answer);
  }

  /** Gives the batch up because of an error that no line has. */
  #break(error: unknown): void {
    this.#broken ??= { error };
    this.#end.abort();
  }

  /** Waits for the jobs of a line, and stores its answer. */
  async #answer(line: OpenLine, choices: readonly Promise<EndedJob | undefined>[]): Promise<void> {
    const { orchestrator: { store, clock, metrics } } = this.#deps;
    const settled = await Promise.allSettled(choices);
    const ended = settled.map((each) => {
      if (each.status === "rejected") throw each.reason;
      return each.value;
    });
    // Without one of its jobs, the line was given up.
    if (!ended.every((each) => each !== undefined)) return;
    const [{ job: first }] = ended as [EndedJob];
    const translator = line.work.translator(first);
    for (const [choice, { items }] of ended.entries()) {
      for (const item of items) translator.take(choice, item);
    }
    const whole = translator.whole();
    const now = clock.now();
    const kept = line.work.keep?.(first, whole, this.#batch.tenant, now);
    if (kept && !await store.responses.get(kept.id)) await store.responses.add(kept);
    await this.#store(answered(line.name, whole));
    metrics.batchLines.inc({ outcome: "completed" });
    // The answer is stored with the batch now.
    for (const { job } of ended) await store.update(job.id, { contentExpiresAt: now });
  }

  async #refuse(name: LineName, cause: unknown, caller: Caller | undefined): Promise<void> {
    const { log, orchestrator: { metrics } } = this.#deps;
    const error = toLlorchError(cause);
    if (error.code === "INTERNAL") {
      log.error("batch_line_failed", { batch_id: name.batchId, line: name.line, error: cause });
    }
    await this.#store(refused(name, error, caller));
    metrics.batchLines.inc({ outcome: "failed" });
  }

  #store(result: LineResult): Promise<void> {
    return this.#deps.orchestrator.store.batches.addResult(this.#batch.id, result);
  }

  /**
   * Makes a choice of a line by one job, or by several if they fail.
   *
   * @param onAdmitted Called when its first job is in the queue.
   * @returns undefined if it was given up, or goes on after a restart
   * @throws {LlorchError} the error with which the line ends
   */
  async #choice(
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
    return { id, createdAt, request, place: places.adopt(this.#batch.tenant) };
  }

  /**
   * Submits a job once there is a place for it.
   *
   * @returns undefined if no further line is begun
   * @throws {LlorchError} the error with which the line ends
   */
  async #submit(line: OpenLine, choice: number, key: string): Promise<LineJob | undefined> {
    const { orchestrator: { access, clock, jobs, notReadyReason }, places } = this.#deps;
    const { caller, work } = line;
    const { signal } = this.#end;
    const tries = new Tries();
    while (true) {
      const place = await places.take(this.#batch.tenant, mostOpen(caller), signal);
      if (!place) return undefined;
      try {
        const task = (await work.tasks())[choice]!;
        checkModelName(caller, task.model);
        const { job } = await jobs.submit(inBackground(task), {
          durable: true,
          idempotencyKey: this.#scoped(key),
          correlationId: requestIdOf(line.name),
          call: work.call,
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
    return `${this.#batch.tenant} batch ${key}`;
  }

  /**
   * Reads a job to its end, and gives its place back.
   *
   * @returns undefined if the service stops before that
   */
  async #follow({ id, place }: LineJob): Promise<readonly StreamItem[] | undefined> {
    const { jobs } = this.#deps.orchestrator;
    const { stop } = this.#deps;
    const forget = onAbort(this.#end.signal, () => {
      if (!stop.aborted) jobs.cancel(id, "The batch of this job has ended");
    });
    const items: StreamItem[] = [];
    try {
      for await (const batch of this.#events(id)) {
        for (const item of batch) {
          if (item.kind !== "event") continue;
          items.push(item);
          if (item.event.event !== "queued") place.started();
          if (isTerminal(item.event)) return items;
        }
      }
    } finally {
      forget();
      place.ended();
    }
    const { store } = this.#deps.orchestrator;
    const row = await store.get(id);
    if (row && row.endedAt === undefined || stop.aborted) {
      this.#isInterrupted = true;
      return undefined;
    }
    throw new LlorchError("CONTENT_EXPIRED", EXPIRED);
  }

  /** All events of a job, up to its end; reading them is no use of the job. */
  async *#events(jobId: string): AsyncGenerator<readonly StreamItem[]> {
    const { orchestrator: { jobs, store }, stop } = this.#deps;
    const job = jobs.live(jobId);
    if (job) return yield* job.stream.read(0, stop);
    if ((await store.get(jobId))?.request === undefined) return;
    for (let after = 0;;) {
      const page = await store.events(jobId, after, PAGE);
      yield page.map(({ id, event }) => ({ kind: "event", id, event }));
      if (page.length < PAGE) return;
      after = page.at(-1)!.id;
    }
  }

  /** Writes the files, and ends the batch. */
  async #finish(): Promise<void> {
    const { orchestrator, stop, log } = this.#deps;
    const { clock, metrics, store } = orchestrator;
    const { id } = this.#batch;
    const isWhole = !this.#end.signal.aborted;
    if (isWhole) {
      await store.batches.update(id, { status: "finalizing", finalizingAt: clock.now() });
    }
    for (let outputs; !stop.aborted;) {
      try {
        outputs = await writeOutputs(orchestrator, this.#batch, this.#why, stop);
      } catch (error) {
        if (!(error instanceof LlorchError) || error.code !== "NOT_READY") throw error;
        await pause(clock, error.retryAfterMs ?? WRITE_PAUSE_MS, stop);
        continue;
      }
      if (!outputs) return;
      const row = await store.batches.get(id);
      // Removed with its key.
      if (!row) return;
      await store.files.touch(row.inputFileId, clock.now());
      const status = isWhole ? "completed" : this.#why;
      const failed = row.total - row.completed;
      await store.batches.update(id, { status, failed, endedAt: clock.now(), ...outputs });
      metrics.batchLines.inc({ outcome: this.#why }, failed - row.failed);
      metrics.batchesEnded.inc({ outcome: status });
      log.info("batch_ended", { batch_id: id, status, completed: row.completed, failed });
      await store.batches.dropResults(id);
      return;
    }
  }

  /** Ends the batch because of an error that no line has. */
  async #fail(cause: unknown): Promise<void> {
    const { orchestrator: { clock, store, metrics }, log, stop } = this.#deps;
    const { id } = this.#batch;
    if (stop.aborted || !await store.batches.get(id)) return;
    const { code, message } = toLlorchError(cause);
    log.error("batch_failed", { batch_id: id, error: cause });
    const error = { code: code.toLowerCase(), message };
    await store.batches.update(id, { status: "failed", endedAt: clock.now(), error });
    metrics.batchesEnded.inc({ outcome: "failed" });
    await store.batches.dropResults(id);
  }
}

/** The task of a line: it runs when there is room, whoever reads it. */
function inBackground(task: TaskRequest): TaskRequest {
  return { ...task, priority: "batch", detached: true };
}

/** The jobs that a key's batches may have at a time: one less than the key, for its other requests. */
function mostOpen(caller: Caller | undefined): number {
  const most = caller?.limits.concurrent_jobs;
  return most === undefined ? Infinity : Math.max(1, most - 1);
}

function errorIn(items: readonly StreamItem[]): LlorchError | undefined {
  const last = items.at(-1);
  return last?.kind === "event" && last.event.event === "error"
    ? eventError(last.event.data)
    : undefined;
}

/** Waits until a time is over or the signal aborts. */
function pause(clock: Orchestrator["clock"], ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const drop = clock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = onAbort(signal, () => {
      drop();
      resolve();
    });
  });
}
