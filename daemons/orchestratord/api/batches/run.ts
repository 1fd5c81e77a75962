import { storeResponse } from "../responses/item_images.ts";
import { onAbort } from "#shared/aborts.ts";
import type { BatchEndpoint } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError, toLlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { Logger } from "#shared/logging.ts";
import type { BatchRow, LineResult } from "../../store/batch_store.ts";
import { inWordsOf } from "../dialect/field_names.ts";
import { linesOf } from "../files/lines.ts";
import type { ResponseRow } from "../../store/response_store.ts";
import type { Endpoint } from "./endpoints.ts";
import { checkLine, type LineValue, parseLine } from "./line.ts";
import { writeOutputs } from "./outputs.ts";
import { type EndedJob, LineJobs, type LineJobsDeps, type OpenLine } from "./line_jobs.ts";
import { pause } from "../pause.ts";
import { answered, type GivenUp, type LineName, refused } from "./result.ts";

/** Pause before the files are written again, if they could not be, in ms. */
const WRITE_PAUSE_MS = 10_000;

/** Dependencies of {@linkcode BatchRun}. */
export interface RunDeps extends LineJobsDeps {
  readonly endpoints: Readonly<Record<BatchEndpoint, Endpoint>>;
  readonly log: Logger;
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
  readonly #jobs: LineJobs;
  /** Aborts when no further line is begun. */
  readonly #end = new AbortController();
  #why: GivenUp = "cancelled";
  /** Lines that are being answered. */
  readonly #open = new Set<Promise<void>>();
  #isFinishing = false;
  #broken: { readonly error: unknown } | undefined;

  constructor(deps: RunDeps, batch: BatchRow) {
    this.#deps = deps;
    this.#batch = batch;
    this.#endpoint = deps.endpoints[batch.endpoint as BatchEndpoint];
    this.#jobs = new LineJobs(deps, batch.tenant, this.#end);
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
      if (!stop.aborted && !this.#jobs.isInterrupted) await this.#finish();
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
    const holder = await this.#jobs.holder();
    if (!holder) return;
    const { caller } = holder;
    const line: OpenLine = { name, work: this.#endpoint.work(body, caller) };
    const choices: Promise<EndedJob | undefined>[] = [];
    for (let choice = 0; choice < line.work.choices; choice++) {
      const admitted = Promise.withResolvers<unknown>();
      const ended = this.#jobs.choice(line, choice, () => admitted.resolve(undefined));
      // Its error is that of the line, which is awaited below.
      ended.then(admitted.resolve, admitted.resolve);
      choices.push(ended);
      await admitted.promise;
    }
    const shown = (error: unknown) =>
      error instanceof LlorchError ? inWordsOf(line.work.names, error) : error;
    const answer = this.#answer(line, choices)
      .catch((error) => this.#refuse(name, shown(error), caller))
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
    if (kept && !await this.#keep(kept)) return;
    await this.#store(answered(line.name, whole));
    metrics.batchLines.inc({ outcome: "completed" });
    // The answer is stored with the batch now.
    for (const { job } of ended) await store.update(job.id, { contentExpiresAt: now });
  }

  /**
   * Stores a response as its route would, however long the store cannot be written.
   *
   * @returns false if the service stops before that
   */
  async #keep(row: ResponseRow): Promise<boolean> {
    const { orchestrator, stop } = this.#deps;
    const { store, clock, config, metrics } = orchestrator;
    while (!stop.aborted) {
      try {
        if (!await store.responses.get(row.id)) await storeResponse(orchestrator, row);
        const { max_count: count, max_bytes: bytes } = config.responses;
        const removed = await store.responses.trim(row.tenant, { count, bytes });
        metrics.responsesRemoved.inc({ reason: "trimmed" }, removed);
        return true;
      } catch (error) {
        if (!(error instanceof LlorchError) || error.code !== "NOT_READY") throw error;
        await pause(clock, error.retryAfterMs ?? WRITE_PAUSE_MS, stop);
      }
    }
    this.#jobs.isInterrupted = true;
    return false;
  }

  async #refuse(name: LineName, cause: unknown, caller: Caller | undefined): Promise<void> {
    const { log, orchestrator: { metrics }, stop } = this.#deps;
    const error = toLlorchError(cause);
    if (stop.aborted && error.code === "NOT_READY") {
      this.#jobs.isInterrupted = true;
      return;
    }
    if (error.code === "INTERNAL") {
      log.error("batch_line_failed", { batch_id: name.batchId, line: name.line, error: cause });
    }
    await this.#store(refused(name, error, caller));
    metrics.batchLines.inc({ outcome: "failed" });
  }

  #store(result: LineResult): Promise<void> {
    return this.#deps.orchestrator.store.batches.addResult(this.#batch.id, result);
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
    if (stop.aborted) return;
    this.#end.abort();
    if (!await store.batches.get(id)) return;
    const { code, message } = toLlorchError(cause);
    log.error("batch_failed", { batch_id: id, error: cause });
    const error = { code: code.toLowerCase(), message };
    await store.batches.update(id, { status: "failed", endedAt: clock.now(), error });
    metrics.batchesEnded.inc({ outcome: "failed" });
    await store.batches.dropResults(id);
  }
}
