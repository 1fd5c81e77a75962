import { defined } from "#shared/json.ts";
import {
  type Heartbeat,
  orchestratorRoutes,
  poolRoutes,
  type PoolState,
  type reloadRequest,
} from "#shared/contracts/mod.ts";
import type { Clock } from "#shared/clock.ts";
import { HEADERS, SPAWN_MEMORY_WAIT_MS } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import type { Logger } from "#shared/logging.ts";
import { withoutFolders } from "#shared/models/host_paths.ts";
import { reportName } from "#shared/reports.ts";
import { seenTerm } from "#shared/terms.ts";
import { isNewer, VERSION } from "#shared/version.ts";
import type { z } from "zod";
import type { Config } from "../config.ts";
import type { Access } from "../access/access.ts";
import type { Loop } from "../scheduler/loop.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import { checkReload } from "../scheduler/reload.ts";
import { notPreloaded } from "../scheduler/residency.ts";
import { checkAddresses, HostSet } from "../access/allowed_hosts.ts";
import type { Effect, Pool } from "../scheduler/state.ts";
import type { JobStore } from "../store/job_store.ts";

/** Reply to a pool's report. */
export type PoolReply = z.input<typeof orchestratorRoutes.heartbeat.reply>;

/** Dependencies of {@linkcode Pools}. */
export interface PoolsDeps {
  readonly config: Config;
  readonly loop: Loop;
  readonly store: JobStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: OrchestratorMetrics;
  readonly access: Access;
  /** The transport to pools. */
  readonly http: Deno.HttpClient | undefined;
  /** Term of the leadership that gives orders; undefined: there can be no other. */
  readonly term?: number | undefined;
  /** Called with a higher term that a pool has seen. */
  readonly onSeenTerm?: (term: number) => void;
}

/** How long an idle worker may take to stop, in ms. */
const STOP_DEADLINE_MS = 10_000;

/** The same for a worker that hangs, in ms: it will not react, and its memory is needed. */
const HUNG_DEADLINE_MS = 500;

/** Takes the reports of pool managers and sends them the scheduler's orders. */
export class Pools {
  readonly #deps: PoolsDeps;
  /** Id of the API key with which each pool registered. */
  readonly #keyIds = new Map<string, string | undefined>();
  /** Stop requests under way, by pool. */
  readonly #stops = new Map<string, Set<Promise<void>>>();

  /** Models to preload and configured names for which a warning was logged. */
  readonly #warnedOf = new Set<string>();

  constructor(deps: PoolsDeps) {
    this.#deps = deps;
  }

  /**
   * Registers a pool.
   *
   * @param keyId Id of the API key that it sent; undefined for the token that the daemons share.
   * @throws {LlorchError} `CONFLICT` while another live instance has the same id, `INVALID_REQUEST` if it
   * names an address that may not be called
   */
  async register(state: PoolState, keyId?: string): Promise<PoolReply> {
    const { loop, store, log, metrics } = this.#deps;
    checkAddresses(state, this.#allowedHosts());
    const known = loop.state.pools.get(state.pool_id);
    if (
      known?.available && known.instanceId !== state.instance_id &&
      known.endpoint !== state.endpoint
    ) {
      metrics.heartbeats.inc({ outcome: "twin" });
      throw new LlorchError(
        "CONFLICT",
        `Cannot register pool "${state.pool_id}" from ${state.endpoint}: it is alive at ` +
          `${known.endpoint}; give one of them another pool_id`,
      );
    }
    if (known?.available && !this.#isOwner(state.pool_id, keyId)) {
      metrics.heartbeats.inc({ outcome: "twin" });
      throw new LlorchError(
        "CONFLICT",
        `Cannot register pool "${state.pool_id}": it is alive with another key; ` +
          "stop it first, or give one of them another pool_id",
      );
    }
    // Before the first `await`, so that a second instance that registers meanwhile finds this one.
    const isSameKey = this.#isOwner(state.pool_id, keyId);
    this.#keyIds.set(state.pool_id, keyId);
    const reply = this.#seen(state);
    log.info("pool_registered", { pool_id: state.pool_id, endpoint: state.endpoint });
    if (isNewer(state.version)) {
      const message = "Upgrade orchestratord first: it may not understand what newer workers send";
      log.warn("pool_is_newer", {
        ...{ pool_id: state.pool_id, version: state.version, own_version: VERSION, message },
      });
    }
    if (known?.endpoint !== state.endpoint || !isSameKey) {
      await store.savePool({ poolId: state.pool_id, endpoint: state.endpoint, keyId });
    }
    return reply;
  }

  /**
   * Takes a heartbeat of a known pool.
   *
   * @throws {LlorchError} `NOT_FOUND` if it must register (again)
   */
  heartbeat(poolId: string, beat: Heartbeat, keyId?: string): PoolReply {
    const { loop, metrics } = this.#deps;
    const described = beat.workers.filter((worker) => "pid" in worker);
    checkAddresses({ workers: described }, this.#allowedHosts());
    const known = loop.state.pools.get(poolId);
    const isSame = known?.instanceId === beat.instance_id && this.#isOwner(poolId, keyId);
    if (!known || poolId !== beat.pool_id || !isSame) {
      metrics.heartbeats.inc({ outcome: "unknown" });
      throw new LlorchError("NOT_FOUND", `Cannot find this instance of pool "${poolId}": register`);
    }
    if (beat.models === undefined && beat.models_revision !== known.modelsRevision) {
      metrics.heartbeats.inc({ outcome: "unknown" });
      throw new LlorchError("NOT_FOUND", `Cannot find this revision of the models: register`);
    }
    const workers = beat.workers.map((worker) => {
      if ("pid" in worker) return worker;
      const before = known.workers.find(({ worker_id }) => worker_id === worker.worker_id);
      if (before) return { ...before, server_load: undefined, ...worker };
      metrics.heartbeats.inc({ outcome: "unknown" });
      throw new LlorchError("NOT_FOUND", `Cannot find worker "${worker.worker_id}": register`);
    });
    return this.#seen({ ...beat, workers, endpoint: known.endpoint, version: known.version });
  }

  /**
   * Removes a pool whose manager stops.
   *
   * @throws {LlorchError} `NOT_FOUND`
   */
  async deregister(poolId: string, instanceId: string, keyId?: string): Promise<void> {
    const { loop, store, log } = this.#deps;
    const isSame = loop.state.pools.get(poolId)?.instanceId === instanceId;
    if (!isSame || !this.#isOwner(poolId, keyId)) {
      throw new LlorchError("NOT_FOUND", `Cannot find this instance of pool "${poolId}"`);
    }
    log.info("pool_deregistered", { pool_id: poolId });
    loop.send({ kind: "pool_left", poolId });
    this.#keyIds.delete(poolId);
    await store.removePool(poolId);
  }

  /**
   * Takes a pool out of service until {@linkcode undrain}; a restart does not end it.
   *
   * @param deadlineMs How long its streams may go on there, in ms.
   * @throws {LlorchError} `NOT_FOUND`
   */
  async drain(poolId: string, deadlineMs: number): Promise<void> {
    const { store, clock, loop, log } = this.#deps;
    await this.#checkKnown(poolId);
    await store.saveDrain({ poolId, endsAt: clock.now() + deadlineMs });
    await store.sync();
    log.info("pool_drain", { pool_id: poolId, deadline_ms: deadlineMs });
    loop.send({ kind: "drain_pool", poolId, until: clock.steady() + deadlineMs });
  }

  /**
   * Takes a pool back into service.
   *
   * @throws {LlorchError} `NOT_FOUND`
   */
  async undrain(poolId: string): Promise<void> {
    const { store, loop, log } = this.#deps;
    await this.#checkKnown(poolId);
    await store.removeDrain(poolId);
    await store.sync();
    log.info("pool_undrain", { pool_id: poolId });
    loop.send({ kind: "undrain_pool", poolId });
  }

  /**
   * Begins to replace a model on a pool.
   *
   * @throws {LlorchError} as {@linkcode checkReload} and {@linkcode Loop.resolve}
   */
  reload(poolId: string, body: z.output<typeof reloadRequest>): void {
    const { loop, log } = this.#deps;
    const reload = {
      poolId,
      from: loop.resolve(body.from).fingerprint,
      to: loop.resolve(body.to).fingerprint,
      fromRef: body.from,
      toRef: body.to,
      streamsMs: body.deadline_ms,
    };
    checkReload(loop.state, reload);
    log.info("pool_reload", { pool_id: poolId, from: body.from, to: body.to });
    loop.send({ kind: "reload_pool", reload });
  }

  /**
   * The last lines of a worker's log, from its pool.
   *
   * @param poolId Its pool; undefined for a worker that is reported now.
   * @throws {LlorchError} `NOT_FOUND`, or `POOL_UNAVAILABLE` if its pool does not answer
   */
  async logOf(workerId: string, poolId: string | undefined): Promise<readonly string[]> {
    const { loop } = this.#deps;
    const id = poolId ?? loop.state.workers.get(workerId)?.poolId;
    const pool = id === undefined ? undefined : loop.state.pools.get(id);
    if (!pool) {
      const what = poolId === undefined
        ? `worker "${workerId}": if it has ended, name its pool with pool_id`
        : `pool "${poolId}"`;
      throw new LlorchError("NOT_FOUND", `Cannot find ${what}`);
    }
    try {
      const client = await this.#client(pool.id, pool.endpoint);
      return (await client.call(poolRoutes.workerLogs, { params: { id: workerId } })).lines;
    } catch (error) {
      if (error instanceof LlorchError && error.code === "NOT_FOUND") throw error;
      this.#noteTerm(error);
      throw new LlorchError(
        "POOL_UNAVAILABLE",
        `Cannot read the log of worker "${workerId}": pool "${pool.id}" does not answer: ` +
          errorMessage(error),
        { cause: error },
      );
    }
  }

  /** Asks every pool that was known before a restart for its state; pools that do not answer are skipped. */
  async recall(): Promise<void> {
    const { store, config, log, clock, loop } = this.#deps;
    for (const { poolId, endsAt } of await store.drains()) {
      const until = clock.steady() + Math.max(0, endsAt - clock.now());
      loop.send({ kind: "drain_pool", poolId, until });
    }
    const rows = await store.pools();
    await Promise.all(rows.map(async ({ poolId, endpoint, keyId }) => {
      this.#keyIds.set(poolId, keyId);
      try {
        checkAddresses({ endpoint, workers: [] }, this.#allowedHosts());
        const client = await this.#client(poolId, endpoint);
        const state = await client.call(poolRoutes.state, {}, {
          timeoutMs: config.pools.state_timeout_ms,
        });
        checkAddresses(state, this.#allowedHosts());
        if (state.pool_id === poolId) this.#seen({ ...state, endpoint });
      } catch (error) {
        this.#noteTerm(error);
        log.info("pool_not_there_after_restart", { pool_id: poolId, error: errorMessage(error) });
      }
    }));
  }

  /** Carries out the scheduler's decisions about workers. */
  apply(
    effect: Extract<
      Effect,
      { kind: "spawn" | "stop_worker" | "loaded" | "load_failed" | "pool_lost" }
    >,
    correlationId?: string,
  ): void {
    switch (effect.kind) {
      case "spawn":
        return void this.#spawn(effect, correlationId);
      case "stop_worker":
        return this.#stop(effect);
      case "loaded": {
        const cause = effect.spawn.isSwap ? "swap" : "load";
        return this.#deps.metrics.loads.observe({ cause }, effect.tookMs / 1000);
      }
      case "load_failed": {
        const { spawn: { poolId: pool_id, device }, message: error, failures } = effect;
        return this.#deps.log.warn("worker_start_failed", { pool_id, device, error, failures });
      }
      case "pool_lost":
        return this.#deps.log.warn("pool_lost", { pool_id: effect.poolId });
    }
  }

  #seen(report: Omit<PoolState, "models"> & Pick<Heartbeat, "models" | "unusable">): PoolReply {
    const { config, loop, metrics } = this.#deps;
    const interval = config.pools.heartbeat_interval_ms;
    const terms = {
      heartbeat_interval_ms: interval,
      timeout_ms: interval * config.pools.missed_heartbeats,
      content_retention_ms: config.retention.content_ms,
    };
    if (isOutdated(report, loop.state.pools.get(report.pool_id))) {
      metrics.heartbeats.inc({ outcome: "late" });
      return { ...terms, acknowledged: [], known: [] };
    }
    metrics.heartbeats.inc({ outcome: "ok" });
    loop.send({
      kind: "pool_seen",
      pool: {
        id: report.pool_id,
        instanceId: report.instance_id,
        sequence: report.sequence,
        endpoint: report.endpoint,
        version: report.version,
        modelsRevision: report.models_revision,
        devices: report.devices,
        models: report.models,
        unusable: report.unusable?.map(({ reason, ...file }) => ({
          ...file,
          reason: withoutFolders(reason),
        })),
        workers: report.workers,
        // Clients read it in the errors of their jobs, and must not see the paths of a host.
        exits: report.exits.map(({ detail, ...exit }) =>
          detail === undefined ? exit : { ...exit, detail: withoutFolders(detail) }
        ),
      },
    });
    if (report.models) this.warnOfModels();
    return {
      ...terms,
      acknowledged: report.exits.map((exit) => exit.worker_id),
      known: report.workers.map((worker) => worker.worker_id),
    };
  }

  /** Logs a warning, once for each model to preload that cannot be loaded, and each doubtful name. */
  warnOfModels(): void {
    for (const [model, reason] of notPreloaded(this.#deps.loop.state)) {
      if (this.#warnedOf.has(model)) continue;
      this.#warnedOf.add(model);
      this.#deps.log.warn("model_not_preloaded", { model, reason });
    }
    for (const { kind, name, model, message } of this.#deps.loop.nameWarnings()) {
      const warning = `${kind} ${name} ${model}`;
      if (this.#warnedOf.has(warning)) continue;
      this.#warnedOf.add(warning);
      this.#deps.log.warn(kind, { name, model, message });
    }
  }

  async #spawn(
    effect: Extract<Effect, { kind: "spawn" }>,
    correlationId: string | undefined,
  ): Promise<void> {
    const { spawn, endpoint, modelRef } = effect;
    const { requestId, poolId, device, fingerprint } = spawn;
    const { loop, log, metrics, config } = this.#deps;
    log.info("worker_spawn", {
      pool_id: poolId,
      model_ref: modelRef,
      device,
      ...defined({ correlation_id: correlationId }),
    });
    try {
      // The pool waits for the memory of workers that are stopping: it must know them first.
      await Promise.all(this.#stops.get(poolId) ?? []);
      const client = await this.#client(poolId, endpoint);
      const { worker_id } = await client.call(poolRoutes.spawn, {
        params: { id: poolId },
        body: { request_id: requestId, model_ref: modelRef, fingerprint, device },
      }, { timeoutMs: config.pools.call_timeout_ms + SPAWN_MEMORY_WAIT_MS, correlationId });
      metrics.spawns.inc({ outcome: "accepted" });
      loop.send({ kind: "spawn_accepted", requestId, workerId: worker_id });
    } catch (error) {
      this.#noteTerm(error);
      metrics.spawns.inc({ outcome: "failed" });
      loop.send({
        kind: "spawn_failed",
        requestId,
        message: withoutFolders(errorMessage(error)),
      });
    }
  }

  #stop(effect: Extract<Effect, { kind: "stop_worker" }>): void {
    const { metrics, log } = this.#deps;
    const { poolId, workerId, reason } = effect;
    if (reason === "evict") metrics.evictions.inc();
    log.info("worker_stop", { pool_id: poolId, worker_id: workerId, reason });
    const stops = this.#stops.get(poolId) ?? new Set();
    this.#stops.set(poolId, stops);
    const request = this.#requestStop(effect).finally(() => {
      stops.delete(request);
      if (stops.size === 0) this.#stops.delete(poolId);
    });
    stops.add(request);
  }

  async #requestStop(effect: Extract<Effect, { kind: "stop_worker" }>) {
    const { poolId, endpoint, workerId, reason } = effect;
    try {
      await (await this.#client(poolId, endpoint)).call(poolRoutes.stopWorker, {
        params: { id: workerId },
        body: { deadline_ms: reason === "hung" ? HUNG_DEADLINE_MS : STOP_DEADLINE_MS },
      });
    } catch (error) {
      this.#noteTerm(error);
      this.#deps.log.warn("worker_stop_failed", {
        worker_id: workerId,
        error: errorMessage(error),
      });
      this.#deps.loop.send({ kind: "stop_failed", workerId });
    }
  }

  /** Reports a higher term that a pool's error says it has seen. */
  #noteTerm(error: unknown): void {
    const term = seenTerm(error);
    if (term !== undefined) this.#deps.onSeenTerm?.(term);
  }

  async #checkKnown(poolId: string): Promise<void> {
    const { loop, store } = this.#deps;
    if (loop.state.pools.has(poolId) || loop.state.drains.has(poolId)) return;
    if ((await store.pools()).some((pool) => pool.poolId === poolId)) return;
    throw new LlorchError("NOT_FOUND", `Cannot find pool "${poolId}"`);
  }

  /** Whether a pool registered with this key. */
  #isOwner(poolId: string, keyId: string | undefined): boolean {
    return this.#keyIds.get(poolId) === keyId;
  }

  /** The configured hosts; undefined for the default. Not cached, because settings may be reloaded. */
  #allowedHosts(): HostSet | undefined {
    const hosts = this.#deps.config.pools.allowed_hosts;
    return hosts.length === 0 ? undefined : new HostSet(hosts);
  }

  async #client(poolId: string, baseUrl: string) {
    const { access, config, http, term, loop } = this.#deps;
    const token = await access.poolToken(this.#keyIds.get(poolId));
    const pool = loop.state.pools.get(poolId);
    const headers = defined({
      [HEADERS.term]: term?.toString(),
      [HEADERS.report]: pool && reportName(pool.instanceId, pool.sequence),
    });
    return createClient({ baseUrl, token, headers, http, timeoutMs: config.pools.call_timeout_ms });
  }
}

/**
 * Whether a later report of the same instance has been taken already. A report whose sender has timed out may
 * still arrive, and would bring back workers that have ended.
 */
function isOutdated(
  report: Pick<PoolState, "instance_id" | "sequence">,
  known: Pool | undefined,
): boolean {
  if (known?.instanceId !== report.instance_id) return false;
  return (report.sequence ?? Infinity) < (known.sequence ?? 0);
}
