import { eventError, isTerminal, type ResponseObject } from "#shared/contracts/mod.ts";
import { deadline } from "#shared/deadline.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { patience } from "../patience.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Orchestrator } from "../../service.ts";
import type { ResponseRow } from "../../store/response_store.ts";
import { storeResponse } from "./item_images.ts";
import { requestOf } from "./stored.ts";
import { ResponseTranslator } from "./translator.ts";

/** Events that are read from the store at a time. */
const PAGE = 1000;
/** How long a client waits for the end of a response that it cancelled, in ms. */
const CANCEL_MS = 5_000;
/** How long a stop waits for writes, in ms. */
const STOP_MS = 1_000;

/** Stores responses: those that are complete in one write, and those of durable jobs when they end. */
export class ResponseKeeper {
  readonly #orchestrator: Orchestrator;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #watches = new Set<Promise<void>>();

  constructor(orchestrator: Orchestrator, log: Logger) {
    this.#orchestrator = orchestrator;
    this.#log = log;
  }

  /**
   * Stores a response. One whose job runs is completed when the job ends, whether or not a client reads it.
   *
   * @throws {LlorchError} `NOT_READY` if it cannot be written
   */
  async add(row: ResponseRow): Promise<void> {
    const { responses } = this.#orchestrator.store;
    try {
      await storeResponse(this.#orchestrator, row);
    } catch (error) {
      // The same request with the same idempotency key may have stored it in the meantime.
      if (row.jobId !== undefined && await responses.get(row.id) !== undefined) return;
      throw error;
    }
    if (row.endedAt === undefined) this.#watch(row);
    else await this.#trim(row.tenant);
  }

  /** Goes on with responses that an earlier process left unfinished. */
  async resume(): Promise<void> {
    for (const row of await this.#orchestrator.store.responses.unfinished()) this.#watch(row);
  }

  /** Stops waiting for jobs: the next start goes on. */
  async close(): Promise<void> {
    this.#stop.abort();
    // While the disk is full, writes wait; the next start goes on from the rows.
    await deadline(Promise.all(this.#watches), STOP_MS);
  }

  /** A response as far as its job has come. */
  async current(row: ResponseRow): Promise<ResponseObject> {
    if (row.response !== undefined) return JSON.parse(row.response);
    const translator = translatorOf(row);
    for await (const items of this.#stored(row.jobId!)) takeAll(translator, items);
    return translator.whole();
  }

  /** Waits until a response that was cancelled has ended; if that takes too long, gives what there is. */
  async ended(row: ResponseRow): Promise<ResponseObject> {
    const translator = translatorOf(row);
    const read = async () => {
      for await (const items of this.#events(row.jobId!)) takeAll(translator, items);
    };
    // While the disk is full, the end waits to be written.
    await deadline(read(), CANCEL_MS);
    return translator.whole();
  }

  #watch(row: ResponseRow): void {
    const patiently = patience(this.#orchestrator.clock, this.#stop.signal);
    const watch = patiently(() => this.#finish(row)).catch((error) =>
      this.#log.error("response_not_stored", { response_id: row.id, error })
    ).finally(() => this.#watches.delete(watch));
    this.#watches.add(watch);
  }

  async #finish(row: ResponseRow): Promise<void> {
    const { store, clock } = this.#orchestrator;
    const translator = translatorOf(row);
    let hasEnded = false;
    for await (const items of this.#events(row.jobId!)) {
      takeAll(translator, items);
      hasEnded ||= items.some((item) => item.kind === "event" && isTerminal(item.event));
    }
    if (this.#stop.signal.aborted && !hasEnded) return;
    if (!hasEnded) {
      if (await store.get(row.jobId!) !== undefined) return;
      translator.fail(new LlorchError("CONTENT_EXPIRED", "The response's job is gone"));
    }
    const response = JSON.stringify(translator.whole());
    await store.responses.finish(row.id, response, clock.now());
    await this.#trim(row.tenant);
  }

  async #trim(tenant: string): Promise<void> {
    const { store, config, metrics } = this.#orchestrator;
    const { max_count: count, max_bytes: bytes } = config.responses;
    const removed = await store.responses.trim(tenant, { count, bytes });
    if (removed > 0) metrics.responsesRemoved.inc({ reason: "trimmed" }, removed);
  }

  /** All events of a job, up to its end; reading them is no use of the job. */
  #events(jobId: string): AsyncIterable<readonly StreamItem[]> {
    const job = this.#orchestrator.jobs.live(jobId);
    return job ? job.stream.read(0, this.#stop.signal) : this.#stored(jobId);
  }

  async *#stored(jobId: string): AsyncGenerator<readonly StreamItem[]> {
    for (let after = 0;;) {
      const page = await this.#orchestrator.store.events(jobId, after, PAGE);
      yield page.map(({ id, event }) => ({ kind: "event", id, event }));
      if (page.length < PAGE) return;
      after = page.at(-1)!.id;
    }
  }
}

/** The translator of a response whose job is stored. */
export function translatorOf(row: ResponseRow, isStored = true): ResponseTranslator {
  const { body } = requestOf(row);
  if (!body) throw new LlorchError("INTERNAL", `Response ${row.id} has no request`);
  return new ResponseTranslator(row.jobId!, row.createdAt, body, isStored);
}

/** Takes events of which an error is a way to end. */
function takeAll(translator: ResponseTranslator, items: readonly StreamItem[]): void {
  for (const item of items) {
    if (item.kind === "event" && item.event.event === "error") {
      translator.fail(eventError(item.event.data));
    } else translator.take(0, item);
  }
}
