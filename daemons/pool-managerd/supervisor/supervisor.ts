import { devicesOf } from "#shared/contracts/place.ts";
import type { PoolWorker, SpawnRequest, WorkerExit, WorkerReady } from "#shared/contracts/pool.ts";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { measurementKey } from "../models/load_memory.ts";
import { adoptWorkers } from "./adoption.ts";
import { kindOf } from "../devices/device_source.ts";
import { LoadedFiles } from "./loaded_files.ts";
import type { LogReader } from "./log_reader.ts";
import { Poller } from "./poller.ts";
import type { WorkerRecord } from "./record.ts";
import type { Probe } from "./probe.ts";
import { callbackKey, checkReady } from "./ready_check.ts";
import type { Roster } from "./roster.ts";
import { Starter, type StarterOptions } from "./starter.ts";
import type { Worker } from "./worker.ts";

/** Dependencies of a {@linkcode Supervisor}. */
export interface SupervisorOptions extends Omit<StarterOptions, "files"> {
  readonly probe: Probe;
}

/** Starts, watches and ends workers; the orchestrator decides which and when. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #roster: Roster;
  readonly #starter: Starter;
  readonly #poller: Poller;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { catalog, devices, roster } = options;
    const files = new LoadedFiles();
    const rescan = () => void catalog.rescan();
    this.#roster = roster;
    this.#starter = new Starter({ ...options, files });
    this.#poller = new Poller({ ...options, files, onOverwritten: rescan });
    roster.observe({ ended: () => devices.invalidate(), failed: rescan });
  }

  /** Adopts the workers of an earlier pool manager, then begins to watch. */
  async open(): Promise<void> {
    await adoptWorkers(this.#options);
    this.#poller.start();
  }

  /** See {@linkcode Starter.spawn}. */
  spawn(request: SpawnRequest, callbackUrl: string): Promise<string> {
    return this.#starter.spawn(request, callbackUrl);
  }

  /**
   * Accepts a worker's ready callback, after a probe of its server.
   *
   * @throws {LlorchError} `NOT_FOUND`, `FORBIDDEN` or `CONFLICT`, which end the worker, or
   * `NOT_READY` if its server does not answer, after which it calls back again
   */
  async ready(callback: WorkerReady): Promise<void> {
    const { config } = this.#options;
    const worker = this.#roster.get(callback.worker_id);
    if (checkReady(worker.record, callback, config.host) === "repeat") return;
    const uri = callback.uri.replace(/\/$/, "");
    const answering = await this.#whoAnswers(worker, uri);
    const pids = [worker.process.pid, ...callback.engine_pids ?? []];
    const held = await this.#held(worker.record, pids);
    if (answering !== worker.id) {
      throw new LlorchError("CONFLICT", `Worker "${answering}" answers at ${uri}`);
    }
    await this.#restoreSlots(worker, callback, uri);
    // During the probe it may have ended, been stopped, or called back again.
    this.#roster.get(worker.id);
    if (checkReady(worker.record, callback, config.host) === "repeat") return;
    this.#accept(worker, callback, uri, held);
  }

  /** Lets a worker's streams end within the deadline, then stops it. */
  drain(workerId: string, deadlineMs: number): void {
    const worker = this.#roster.get(workerId);
    const { stop_deadline_ms: stopDeadlineMs } = this.#options.config;
    worker.apply({ type: "drain", deadlineMs, stopDeadlineMs });
    void this.#poller.look(worker);
  }

  /** Stops a worker: SIGTERM now, SIGKILL after the deadline. */
  stop(workerId: string, deadlineMs: number): void {
    this.#roster.get(workerId).apply({ type: "stop", deadlineMs });
  }

  /** Stops every worker and starts no more; resolves when all have ended. */
  async stopAll(): Promise<void> {
    this.#starter.close();
    const { stop_deadline_ms: deadlineMs } = this.#options.config;
    await Promise.all(this.#roster.all.map((worker) => {
      worker.apply({ type: "stop", deadlineMs });
      return this.#roster.ended(worker.id);
    }));
  }

  /** Starts no more workers, and stops watching the living ones. */
  close(): void {
    this.#starter.close();
    this.#poller.close();
    this.#roster.close();
    this.#options.logs.close();
  }

  /** Every living worker, as reported to the orchestrator. */
  workers(): PoolWorker[] {
    const { advertise_host } = this.#options.config;
    return this.#roster.all.map((worker) => worker.view(advertise_host));
  }

  /** Exits that are not acknowledged. */
  exits(): WorkerExit[] {
    return this.#options.store.exits().map((exit) =>
      exit.exit_code === EXIT.unusableModel ? { ...exit, is_final: true as const } : exit
    );
  }

  /** Removes exits that the orchestrator has acknowledged. */
  acknowledge(workerIds: readonly string[]): void {
    const { store } = this.#options;
    const known = new Set(store.exits().map((exit) => exit.worker_id));
    const acknowledged = workerIds.filter((id) => known.has(id));
    if (acknowledged.length === 0) return;
    store.acknowledge(acknowledged);
  }

  /**
   * @throws {LlorchError} `NOT_FOUND` for a worker that is neither living nor one of the last ended
   */
  logLines(workerId: string): readonly string[] {
    this.#checkLogs(workerId);
    return this.#options.logs.lines(workerId);
  }

  /**
   * {@linkcode logLines}, then each line that the worker writes until its end.
   *
   * @throws {LlorchError} as {@linkcode logLines}
   */
  readLog(workerId: string): LogReader {
    this.#checkLogs(workerId);
    return this.#options.logs.read(workerId);
  }

  #checkLogs(workerId: string): void {
    if (this.#options.logs.has(workerId)) return;
    throw new LlorchError("NOT_FOUND", `Cannot find worker "${workerId}", nor its last lines`);
  }

  /** Memory of a worker's processes on its devices, and on each of them, as far as they report it. */
  async #held(
    { device: place, shares }: WorkerRecord,
    pids: readonly number[],
  ): Promise<Pick<WorkerRecord, "device_bytes" | "shares">> {
    const known: Record<string, number> = {};
    for (const device of devicesOf(place)) {
      const bytes = await this.#heldBytes(device, pids);
      if (bytes !== undefined) known[device] = bytes;
    }
    const isWhole = devicesOf(place).every((device) => known[device] !== undefined);
    return {
      device_bytes: isWhole ? Object.values(known).reduce((sum, bytes) => sum + bytes) : null,
      shares: shares && { ...shares, ...known },
    };
  }

  /** Memory of processes on a device together; undefined if it does not report any of them. */
  async #heldBytes(device: string, pids: readonly number[]): Promise<number | undefined> {
    const { devices } = this.#options;
    const held = await Promise.all(pids.map((pid) => devices.held(device, pid)));
    const known = held.filter((bytes) => bytes !== undefined);
    return known.length === 0 ? undefined : known.reduce((total, bytes) => total + bytes, 0);
  }

  async #whoAnswers(worker: Worker, uri: string): Promise<string> {
    const { config, probe } = this.#options;
    try {
      return (await probe.health(uri, worker.record.token, config.adopt_timeout_ms)).worker_id;
    } catch (error) {
      const reason = errorMessage(error);
      throw new LlorchError("NOT_READY", `Cannot see worker "${worker.id}" at ${uri}: ${reason}`, {
        cause: error,
      });
    }
  }

  /** Restores saved slots before the worker gets jobs, whose prompts may be in them. */
  async #restoreSlots(
    worker: Worker,
    { slots, slots_key }: WorkerReady,
    uri: string,
  ): Promise<void> {
    const { savedSlots } = this.#options;
    if (!savedSlots || slots_key === undefined) return;
    const holder = { worker_id: worker.id, uri, token: worker.record.token, slots };
    worker.heirOf = await savedSlots.restore(holder, slots_key);
  }

  #accept(
    worker: Worker,
    callback: WorkerReady,
    uri: string,
    held: Pick<WorkerRecord, "device_bytes" | "shares">,
  ): void {
    const { store, catalog, instruments, log } = this.#options;
    const { memory_bytes, context, slots, capabilities, backend, fingerprint } = callback;
    const { warning = null } = callback;
    worker.update({
      uri,
      callback: callbackKey(callback),
      memory_bytes,
      ...held,
      context,
      slots,
      capabilities,
      warning,
      backend,
    });
    worker.answered();
    worker.apply({ type: "ready" });
    const { config, engines } = this.#options;
    const model = catalog.models.find((each) => each.fingerprint === fingerprint);
    const key = model ? measurementKey(model, config, engines) : fingerprint;
    // A load on several devices says nothing of one on one of them.
    if (devicesOf(worker.record.device).length === 1) {
      store.measure(key, {
        device_kind: kindOf(worker.record.device),
        context,
        slots,
        gpu_layers: worker.record.gpu_layers,
        memory_bytes: held.device_bytes ?? memory_bytes,
      });
    }
    catalog.refresh();
    if (model) this.#options.staging.offer(model);
    instruments.started("ready", worker.ageSeconds);
    this.#starter.prepareNext(kindOf(worker.record.device));
    log.info("worker_ready", {
      worker_id: worker.id,
      uri,
      memory_bytes,
      device_bytes: held.device_bytes ?? undefined,
      context,
      slots,
      backend,
    });
  }
}
