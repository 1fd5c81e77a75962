import type { Clock } from "#shared/clock.ts";
import { orchestratorRoutes } from "#shared/contracts/orchestrator_routes.ts";
import type { Heartbeat, HeartbeatReply, PoolState } from "#shared/contracts/pool.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { Logger } from "#shared/logging.ts";
import type { PoolConfig } from "../config.ts";
import type { Instruments } from "../instruments.ts";
import { backoffMs } from "#shared/backoff.ts";
import { KnownWorkers } from "./known_workers.ts";
import { Wake } from "./wake.ts";

/** Dependencies of a {@linkcode Link}. */
export interface LinkOptions {
  /** Of each orchestrator; the one that leads is looked for. */
  readonly clients: readonly Client[];
  readonly config: PoolConfig["orchestrator"];
  readonly heartbeat: PoolConfig["heartbeat"];
  /** The whole state of the pool now; its sequence number rises with each call. */
  readonly state: () => Promise<PoolState & { readonly sequence: number }>;
  /** Called with the workers whose exits the orchestrator has acknowledged. */
  readonly acknowledge: (workerIds: readonly string[]) => void;
  /** Called with how long content may be kept after its last use, in milliseconds. */
  readonly onRetention: (ms: number) => void;
  /** Called if another pool with this id has been registered for too long since our start. */
  readonly onTwin: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly instruments: Instruments;
}

/**
 * Reports to the orchestrator: registers until that succeeds, then sends heartbeats at every
 * interval and when something has changed.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #wake: Wake;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isRegistered = false;
  #registeredWith = 0;
  #ackedModels = -1;
  readonly #workers = new KnownWorkers();
  /** Which of the clients is used. */
  #at = 0;
  /** Since the last success. */
  #failures = 0;
  /** When another pool with our id first made us fail; Infinity once we were registered. */
  #twinSince: number | undefined;
  #isStopping = false;
  #intervalMs: number;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#intervalMs = options.heartbeat.interval_ms;
    this.#wake = new Wake(options.clock);
  }

  /** The orchestrator that is asked now. */
  get #client(): Client {
    const { clients } = this.#options;
    return clients[this.#at % clients.length]!;
  }

  /** URL of the orchestrator that is asked now. */
  get url(): string {
    return this.#client.baseUrl;
  }

  /** Whether the last registration or report succeeded. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** Sequence number of the last registration that succeeded; 0: there was none. */
  get registeredWith(): number {
    return this.#registeredWith;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Sends a heartbeat because something has changed; changes at about the same time share one. */
  changed(): void {
    this.#wake.call();
  }

  /** Our stop has begun. Reports go on, but failures are no longer logged as warnings. */
  stopping(): void {
    this.#isStopping = true;
  }

  /**
   * Ends the reports.
   *
   * @param isLeaving Sends a last report and deregisters; otherwise the orchestrator sees a pool
   * that is silent for a while and comes back.
   */
  async close(isLeaving: boolean): Promise<void> {
    this.#stop.abort();
    this.#wake.call();
    await this.#running;
    if (!isLeaving || !this.#isRegistered) return;
    const signal = AbortSignal.timeout(this.#options.config.deregister_timeout_ms);
    try {
      const state = await this.#report(signal);
      await this.#client.call(orchestratorRoutes.deregisterPool, {
        params: { id: state.pool_id },
        body: { instance_id: state.instance_id },
      }, { signal });
      this.#options.log.info("deregistered");
    } catch (error) {
      this.#options.log.info("deregister_failed", { error: errorMessage(error) });
    }
    this.#isRegistered = false;
  }

  async #run(): Promise<void> {
    const { clients, config, heartbeat, clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await (this.#isRegistered ? this.#report(this.#stop.signal) : this.#register());
        this.#failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const wasForgotten = this.#noteFailure(error);
        if (wasForgotten) continue;
        // Another one may lead now: a pause comes once all have been asked.
        this.#at++;
        if (this.#failures % clients.length !== 0) continue;
        await this.#wake.sleep(
          backoffMs(this.#failures / clients.length, {
            firstMs: config.backoff_ms,
            maxMs: config.backoff_max_ms,
          }),
          this.#stop.signal,
        );
        continue;
      }
      const reportedAt = clock.steady();
      await this.#wake.wait(this.#intervalMs);
      // A change is reported at once, unless the last report was just before: then changes share
      // one.
      const pause = reportedAt + heartbeat.coalesce_ms - clock.steady();
      if (pause > 0) await this.#wake.sleep(pause, this.#stop.signal);
    }
  }

  async #register(): Promise<void> {
    const { log, instruments } = this.#options;
    const client = this.#client;
    this.#wake.clear();
    const state = await this.#options.state();
    this.#workers.forget();
    this.#workers.report(state.workers);
    const reply = await client.call(orchestratorRoutes.registerPool, { body: state }, {
      signal: this.#stop.signal,
    });
    this.#isRegistered = true;
    this.#registeredWith = state.sequence;
    this.#twinSince = Infinity;
    this.#take(reply, state);
    instruments.heartbeat("ok");
    log.info("registered", { orchestrator: client.baseUrl, interval_ms: this.#intervalMs });
  }

  async #report(signal: AbortSignal): Promise<PoolState> {
    const { instruments } = this.#options;
    this.#wake.clear();
    const state = await this.#options.state();
    const { pool_id, instance_id, sequence, models_revision, models, unusable } = state;
    const { devices, workers, exits } = state;
    const body: Heartbeat = {
      pool_id,
      instance_id,
      sequence,
      models_revision,
      ...(models_revision === this.#ackedModels ? {} : { models, unusable }),
      devices,
      workers: this.#workers.report(workers),
      exits,
    };
    const call = { params: { id: pool_id }, body };
    this.#take(await this.#client.call(orchestratorRoutes.heartbeat, call, { signal }), state);
    instruments.heartbeat("ok");
    return state;
  }

  #take(
    reply: HeartbeatReply,
    state: PoolState,
  ): void {
    this.#intervalMs = Math.max(1, reply.heartbeat_interval_ms);
    this.#ackedModels = state.models_revision;
    this.#workers.taken(reply.known);
    this.#options.acknowledge(reply.acknowledged);
    if (reply.content_retention_ms !== undefined) {
      this.#options.onRetention(reply.content_retention_ms);
    }
  }

  /**
   * @returns whether the orchestrator has only forgotten us, so that we must register again at once
   */
  #noteFailure(error: unknown): boolean {
    const { log, instruments, clock, config, onTwin } = this.#options;
    const code = error instanceof LlorchError ? error.code : undefined;
    const reason = errorMessage(error);
    if (code === "NOT_FOUND" && this.#isRegistered) {
      this.#isRegistered = false;
      instruments.heartbeat("unknown");
      log.info("register_again", { reason });
      return true;
    }
    this.#failures++;
    if (code === "CONFLICT") {
      this.#isRegistered = false;
      instruments.heartbeat("conflict");
      log.error("twin_pool", { reason });
      this.#twinSince ??= clock.steady();
      if (clock.steady() - this.#twinSince >= config.twin_patience_ms) onTwin();
      return false;
    }
    instruments.heartbeat("failed");
    // Only the first failure is a warning, so that a long outage does not fill the log.
    const isNews = this.#failures === 1 && !this.#isStopping;
    log[isNews ? "warn" : "debug"]("orchestrator_unreachable", { reason });
    return false;
  }
}
