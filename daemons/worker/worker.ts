import { appLimits, listenLimits } from "#shared/config/common.ts";
import type { WorkerReady } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { type CancelRequest, type WorkerHealth, workerRoutes } from "#shared/contracts/worker.ts";
import {
  EXIT,
  imageBodyBytes,
  MAX_BODY_BYTES,
  MAX_IMAGES_BYTES,
  MAX_INNER_JSON_LEVELS,
} from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import type { App } from "#shared/http/app.ts";
import { LargeBodies } from "#shared/http/large_bodies.ts";
import { listen, type Server } from "#shared/http/serve.ts";
import { defined } from "#shared/json.ts";
import type { Daemon } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { VERSION } from "#shared/version.ts";
import type { Answer } from "./answers/answer.ts";
import { attemptOrder } from "./answers/run_table.ts";
import { createWorkerApp } from "./app.ts";
import { sayReady } from "./callback.ts";
import { modelRef, type WorkerConfig } from "./config.ts";
import { createInstruments, type Instruments } from "./instruments.ts";
import { type LoadModel, type Model, type SavedSlots, UnusableModelError } from "./model.ts";
import { OrphanWatch } from "./orphan_watch.ts";
import { textStack } from "./stack.ts";

/** Dependencies of a {@linkcode Worker}, besides its configuration. */
export interface WorkerParts {
  readonly loadModel: LoadModel;
  readonly log: Logger;
  /** Bearer token of all routes except `/health`; undefined: they are open. */
  readonly token: string | undefined;
  /** Sent with the ready callback, to prove that the pool manager started this worker. */
  readonly spawnToken: string | undefined;
}

/** Time for replies in progress to end, after all streams have ended, in milliseconds. */
const CLOSE_MS = 2_000;

/** Bodies with images: orchestratord has checked the images, and sends a request for each free slot. */
const IMAGE_BODIES = {
  maxBytes: imageBodyBytes(MAX_IMAGES_BYTES, MAX_BODY_BYTES),
  maxOpenBytes: 256 * 1024 * 1024,
};

/** Serves one model over HTTP: listens at once, loads, reports that it is ready, and serves. */
export class Worker implements Daemon {
  readonly ended: Promise<number>;
  readonly #config: WorkerConfig;
  readonly #parts: WorkerParts;
  readonly #instruments: Instruments;
  #server!: Server;
  readonly #app: App;
  readonly #orphanWatch: OrphanWatch;
  readonly #stop = new AbortController();
  #started!: Promise<void>;
  readonly #openedAt = performance.now();
  #end!: (code: number) => void;
  #state: WorkerHealth["state"] = "loading";
  #progress = 0;
  #model: Model | undefined;
  #closing: Promise<void> | undefined;

  /** Begins to listen, then to load. */
  static async open(config: WorkerConfig, parts: WorkerParts): Promise<Worker> {
    const worker = new Worker(config, parts);
    const { host: hostname, port } = config;
    const limits = listenLimits(config.limits);
    const { fetch, refuse } = worker.#app;
    worker.#server = await listen({ hostname, port, limits, log: parts.log, refuse }, fetch);
    worker.#instruments.metrics.observeServer(worker.#server);
    worker.#started = worker.#start();
    return worker;
  }

  private constructor(config: WorkerConfig, parts: WorkerParts) {
    this.#config = config;
    this.#parts = parts;
    this.ended = new Promise((resolve) => this.#end = resolve);
    this.#instruments = createInstruments({
      slots: () => config.slots,
      active: () => this.#model?.active ?? 0,
      waiting: () => this.#model?.waiting ?? 0,
      serverLoad: () => this.#model?.serverLoad,
      memoryBytes: () => this.#memoryBytes(),
      cacheBytes: () => this.#model?.cacheBytes ?? 0,
    });
    this.#app = createWorkerApp({
      worker: this,
      metrics: this.#instruments.metrics,
      token: parts.token,
      limits: {
        ...appLimits(config.limits),
        maxLevels: MAX_INNER_JSON_LEVELS,
        large: new LargeBodies(() => IMAGE_BODIES),
      },
      log: parts.log,
      onCall: () => this.#orphanWatch.heard(),
    });
    this.#orphanWatch = new OrphanWatch({
      timeoutMs: config.standalone ? 0 : config.orphan_timeout_ms,
      idle: () => this.#model?.idle ?? false,
      onOrphan: () => {
        parts.log.warn("orphaned", { timeout_ms: config.orphan_timeout_ms });
        this.shutdown();
      },
    });
  }

  /** Where it listens. */
  get url(): string {
    return this.#server.url;
  }

  /** The worker's health from cached state; it never waits for the engine. */
  health(): WorkerHealth {
    const { worker_id, slots, context } = this.#config;
    return {
      status: "ok",
      component: "llorch-candled",
      version: VERSION,
      uptime_seconds: (performance.now() - this.#openedAt) / 1000,
      worker_id,
      pid: Deno.pid,
      model_ref: modelRef(this.#config),
      ...defined({ fingerprint: this.#model?.fingerprint }),
      state: this.#state,
      load_progress: this.#progress,
      backend: this.#model?.backend ?? "none",
      capabilities: [...this.#model?.capabilities ?? []],
      context: this.#model?.context ?? context ?? 0,
      slots,
      ...defined({ threads: this.#model?.threads }),
      active: this.#model?.active ?? 0,
      waiting: this.#model?.waiting ?? 0,
      ...defined({ server_load: this.#model?.serverLoad }),
      memory_bytes: this.#memoryBytes(),
    };
  }

  /**
   * The loaded model.
   *
   * @throws {LlorchError} `NOT_READY` while it loads or drains
   */
  model(): Model {
    this.#requireReady();
    return this.#model!;
  }

  /**
   * Saves and restores slots.
   *
   * @throws {LlorchError} `NOT_READY`, or `NOT_FOUND` if slots cannot be saved
   */
  savedSlots(): SavedSlots {
    const { savedSlots } = this.model();
    if (savedSlots) return savedSlots;
    throw new LlorchError(
      "NOT_FOUND",
      "This worker saves no slots: its pool manager has no saved_slots.max_bytes, or its model none",
    );
  }

  /**
   * Accepts one attempt of a job.
   *
   * @throws {LlorchError} if it is not accepted; then nothing of it runs
   */
  async execute(request: ExecuteRequest, log: Logger): Promise<Answer> {
    try {
      return await this.model().execute(request, log);
    } catch (error) {
      this.#instruments.refused();
      throw error;
    }
  }

  /** See {@linkcode RunTable.cancel}. */
  cancel(request: CancelRequest): void {
    this.#model?.cancel(attemptOrder(request));
  }

  /** Refuses new work, and ends after the running work. */
  shutdown(): void {
    this.#state = "draining";
    this.#end(EXIT.ok);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#state = "draining";
    this.#stop.abort(new Error("The worker stops"));
    this.#orphanWatch.close();
    await this.#started;
    await this.#model?.drain(this.#config.stop_deadline_ms);
    await this.#server.close(CLOSE_MS);
    await this.#model?.close();
  }

  /** Loads and reports that the worker is ready; an error ends the worker with one line. */
  async #start(): Promise<void> {
    try {
      await this.#load();
      await this.#probe();
      if (!this.#config.standalone) await this.#callBack();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const isFinal = error instanceof UnusableModelError;
      this.#fatal("start_failed", error, isFinal ? EXIT.unusableModel : EXIT.failed);
    }
  }

  async #load(): Promise<void> {
    const { config, parts } = { config: this.#config, parts: this.#parts };
    this.#model = await parts.loadModel(config, {
      log: parts.log,
      observer: this.#instruments,
      onProgress: (fraction) => this.#progress = Math.min(1, Math.max(0, fraction)),
      onFatal: (error, exitCode) =>
        this.#fatal(this.#model ? "engine_failed" : "start_failed", error, exitCode),
      signal: this.#stop.signal,
    });
    this.#progress = 1;
    if (this.#state === "loading") this.#state = "ready";
    const stack = textStack();
    parts.log.info("loaded", {
      model_ref: modelRef(config),
      backend: this.#model.backend,
      context: this.#model.context,
      slots: config.slots,
      threads: this.#model.threads,
      load_ms: Math.round(performance.now() - this.#openedAt),
      stack_bytes: stack.bytes,
      // Longer texts are tokenized in pieces; only a part that cannot be cut must fit.
      uncut_characters: stack.characters,
    });
  }

  /** Calls itself as others will, so that a worker that does not answer is never reported ready. */
  async #probe(): Promise<void> {
    const client = createClient({ baseUrl: this.url, token: this.#parts.token, timeoutMs: 5_000 });
    await client.call(workerRoutes.ready, {}, { signal: this.#stop.signal });
  }

  async #callBack(): Promise<void> {
    const { callback_url, callback, worker_id, slots } = this.#config;
    const { fingerprint, context, capabilities, backend, pids, savedSlots, warning } = this.#model!;
    const body: WorkerReady = {
      worker_id,
      spawn_token: this.#parts.spawnToken ?? "none",
      uri: this.url,
      model_ref: modelRef(this.#config),
      fingerprint,
      memory_bytes: this.#memoryBytes(),
      context,
      slots,
      capabilities: [...capabilities],
      backend,
      pid: Deno.pid,
      ...(savedSlots ? { slots_key: savedSlots.key } : {}),
      ...(warning === undefined ? {} : { warning: warning.slice(0, 1_000) }),
      ...(pids.length > 0 ? { engine_pids: [...pids] } : {}),
    };
    await sayReady(body, {
      url: callback_url!,
      timeoutMs: callback.timeout_ms,
      deadlineMs: callback.deadline_ms,
      log: this.#parts.log,
      signal: this.#stop.signal,
    });
    this.#parts.log.info("ready", { uri: this.url });
  }

  #fatal(event: string, error: unknown, exitCode: number = EXIT.failed): void {
    this.#state = "draining";
    const inner = error instanceof LlorchError ? undefined : error;
    this.#parts.log.error(event, { reason: errorMessage(error), error: inner });
    console.error(`llorch-candled: ${errorMessage(error)}`);
    this.#end(exitCode);
  }

  #requireReady(): void {
    if (this.#state === "ready") return;
    const percent = Math.round(this.#progress * 100);
    const why = this.#state === "draining" ? "it stops" : `its model loads (${percent} %)`;
    throw new LlorchError("NOT_READY", `The worker takes no requests: ${why}`, {
      retryAfterMs: 1000,
    });
  }

  #memoryBytes(): number {
    return this.#model?.memoryBytes() ?? Deno.memoryUsage().rss;
  }
}
