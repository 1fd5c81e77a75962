import type { Device, SpawnRequest } from "#shared/contracts/pool.ts";
import { SPAWN_MEMORY_WAIT_MS } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Executable } from "#shared/executables.ts";
import { delay } from "#shared/lifecycle.ts";
import type { LoadDefaults } from "#shared/models/default_load.ts";
import { newSecret, secretPrint } from "#shared/secrets.ts";
import type { PoolConfig } from "../config.ts";
import type { Devices } from "../devices/devices.ts";
import { roomOn } from "../devices/room.ts";
import type { Catalog } from "../models/catalog.ts";
import type { Engines } from "../engines.ts";
import type { EstimateMemory } from "../models/load_figure.ts";
import type { Estimates } from "../models/estimates.ts";
import { measurementKey, placeSettingsOf } from "../models/load_memory.ts";
import type { Staging } from "../models/staging.ts";
import type { LoadedFiles } from "./loaded_files.ts";
import { choosePort } from "./ports.ts";
import { newWorkerId, type SpawnPlan, type WorkerRecord } from "./record.ts";
import type { Roster, RosterOptions } from "./roster.ts";
import { planSpawn } from "./spawn_plan.ts";
import { Standby } from "./standby.ts";
import { processEnv, tokenEnv, workerArgs, workerEnv } from "./worker_command.ts";
import { newLife } from "./worker_life.ts";
import type { Spawner, WorkerProcess } from "./worker_process.ts";

/** A load gets one more millisecond for this many bytes of the file. */
const LOAD_BYTES_PER_MS = 100_000;
/** Memory of an ended process may show as used for this long, in milliseconds. */
const MEMORY_SETTLE_MS = 2_500;
const MEMORY_LOOK_MS = 100;
/** Ports that are tried for a worker if other programs take them first. */
const PORT_TRIES = 10;

/** How long a worker may take to be ready, in milliseconds; longer for a larger file (bytes). */
export function startDeadlineMs(baseMs: number, sizeBytes: number): number {
  return baseMs + Math.ceil(sizeBytes / LOAD_BYTES_PER_MS);
}

function stopping(roster: Roster) {
  return roster.all.filter(({ record }) => record.life.state === "stopping");
}

/** Dependencies of a {@linkcode Starter}. */
export interface StarterOptions extends Omit<RosterOptions, "table" | "stopDeadlineMs"> {
  readonly devices: Devices;
  readonly config: PoolConfig["worker"];
  readonly logLevel: string;
  readonly engines: Engines;
  readonly roster: Roster;
  readonly files: LoadedFiles;
  readonly spawner: Spawner;
  readonly catalog: Catalog;
  readonly staging: Staging;
  /** How long workers keep in memory what their slots held, after its last use, in milliseconds. */
  readonly cacheExpireMs: () => number;
  readonly estimate: EstimateMemory;
  readonly estimates: Pick<Estimates, "figures" | "use">;
  /** Settings of loads that do not name their own. */
  readonly defaults: () => LoadDefaults;
  /** Finds the worker's program for a kind of device. */
  readonly findWorker: (kind: string) => Executable;
  /** Environment that workers inherit. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts workers that fit. */
export class Starter {
  readonly #options: StarterOptions;
  readonly #standby: Standby;
  /** Whether a worker was started in memory that another one freed. */
  #hasSwapped = false;
  #isClosed = false;
  /** The running start, whose worker is not in the roster yet; never rejects. */
  #starting: Promise<void> | undefined;

  constructor(options: StarterOptions) {
    this.#options = options;
    const env = processEnv(options.env, options.logLevel);
    this.#standby = new Standby({ ...options, env });
  }

  /** Refuses to start workers from now on. */
  close(): void {
    this.#isClosed = true;
    this.#standby.close();
  }

  /** Prepares a process for the next swap, if this pool swaps models. */
  prepareNext(kind: string): void {
    if (this.#hasSwapped && this.#options.config.standby) this.#standby.prepare(kind);
  }

  /**
   * Starts a worker, or returns the one that this request has started before.
   *
   * If memory is short and a worker is being stopped, it waits a limited time for that memory: the
   * worker may be stopped for this spawn. From the check of free memory to the entry in the roster
   * only one start runs at a time, so that two spawns cannot count on the same memory.
   *
   * @param callbackUrl URL of the worker's ready callback.
   * @returns the worker's id
   * @throws {LlorchError} `MODEL_NOT_FOUND`, `NOT_FOUND`, `INSUFFICIENT_MEMORY`,
   * `WORKER_START_FAILED` or `POOL_UNAVAILABLE`; the first three before anything is started.
   */
  async spawn(request: SpawnRequest, callbackUrl: string): Promise<string> {
    const { store, catalog, devices, staging, clock, instruments } = this.#options;
    if (!catalog.models.some((model) => model.fingerprint === request.fingerprint)) {
      await catalog.rescan();
    }
    const giveUpAt = clock.steady() + SPAWN_MEMORY_WAIT_MS;
    while (true) {
      const present = await devices.current();
      const known = store.workerOfRequest(request.request_id);
      if (known !== undefined) return known;
      if (this.#starting) {
        await this.#starting;
        continue;
      }
      if (this.#isClosed) throw isStopping();
      try {
        const plan = this.#plan(request, staging.credit(present));
        const start = this.#start(plan, present, callbackUrl);
        this.#starting = start.then(() => {}, () => {}).finally(() => this.#starting = undefined);
        return await start;
      } catch (error) {
        const isShort = error instanceof LlorchError && error.code === "INSUFFICIENT_MEMORY";
        if (!isShort || clock.steady() >= giveUpAt || !this.#isMemoryComing()) {
          instruments.started("refused");
          throw error;
        }
      }
      this.#hasSwapped = true;
      await this.#untilMemoryMayHaveCome();
      devices.invalidate();
    }
  }

  /** Whether a worker is being stopped, or has just ended, so that its memory may show as used. */
  #isMemoryComing(): boolean {
    const { roster, clock } = this.#options;
    return clock.steady() - roster.lastExitAt <= MEMORY_SETTLE_MS || stopping(roster).length > 0;
  }

  /** Waits for the end of a worker that is being stopped, or for a short while. */
  async #untilMemoryMayHaveCome(): Promise<void> {
    const { roster } = this.#options;
    const isOver = new AbortController();
    const pause = delay(MEMORY_LOOK_MS, isOver.signal).catch(() => {});
    await Promise.race([pause, ...stopping(roster).map(({ id }) => roster.ended(id))]);
    isOver.abort();
  }

  #plan(request: SpawnRequest, devices: readonly Device[]): SpawnPlan {
    const { catalog, config, defaults, engines, estimate, estimates, roster, store } =
      this.#options;
    const model = catalog.models.find((each) => each.fingerprint === request.fingerprint);
    const key = model && measurementKey(model, config, engines);
    return planSpawn(request, {
      settings: model ? placeSettingsOf(model, { worker: config, engines }) : {},
      engines,
      known: {
        measured: key === undefined ? [] : store.measurements().get(key) ?? [],
        said: model ? estimates.figures(model.fingerprint) : [],
      },
      models: catalog.models,
      devices,
      workers: roster.commitments,
      defaults: defaults(),
      estimate,
    });
  }

  async #start(
    planned: SpawnPlan,
    devices: readonly Device[],
    callbackUrl: string,
  ): Promise<string> {
    const { store, logs, clock, staging } = this.#options;
    const record = this.#newRecord(planned);
    const staged = staging.use(record.fingerprint, record.worker_id);
    const plan = { ...planned, modelPath: staged ?? planned.modelPath };
    // A staged copy is mapped where it is, so its bytes are not needed twice.
    const needed = planned.hostBytes - (staged === undefined ? 0 : planned.sizeBytes);
    staging.makeRoom(this.#shortOf(needed, devices));
    const command = this.#command(plan, record, callbackUrl);
    this.#options.estimates.use(record.fingerprint, {
      device_kind: plan.device.kind,
      context: plan.context,
      slots: plan.slots,
      gpu_layers: plan.gpuLayers,
      split: plan.split,
    });
    await store.addWorker(record, clock.now());
    try {
      if (this.#isClosed) throw isStopping();
      this.#launch(plan, record, command, callbackUrl, PORT_TRIES - 1);
    } catch (error) {
      store.dropWorker(record);
      logs.remove(record.worker_id);
      throw error;
    }
    return record.worker_id;
  }

  #command(plan: SpawnPlan, record: WorkerRecord, callbackUrl: string): Executable {
    const { config } = this.#options;
    const program = this.#options.findWorker(plan.device.kind);
    const args = workerArgs(plan, record, {
      host: config.host,
      callbackUrl,
      threads: config.threads,
      llama: config,
      stopDeadlineMs: config.stop_deadline_ms,
      savedSlotsDir: this.#options.savedSlots?.dir,
      cacheExpireMs: this.#options.cacheExpireMs(),
    });
    return { command: program.command, args: [...program.args, ...args] };
  }

  /**
   * Starts a worker's process.
   *
   * @param tries How many other ports may be tried if its own is taken before it listens.
   */
  #launch(
    plan: SpawnPlan,
    record: WorkerRecord,
    command: Executable,
    callbackUrl: string,
    tries: number,
  ): void {
    const { store, spawner, roster, logs, log } = this.#options;
    const env = workerEnv(this.#options.env, record, this.#options.logLevel, plan);
    let child: WorkerProcess | undefined;
    try {
      // The worker's arguments follow those of the program.
      const args = command.args.slice(this.#options.findWorker(plan.device.kind).args.length);
      child = this.#standby.take(record.worker_id, { args, env: tokenEnv(record) }) ??
        spawner.spawn(command, env, logs.path(record.worker_id));
      const started = { ...record, pid: child.pid, start_time: child.startTime ?? null };
      store.updateWorker(started);
      this.#options.files.note(record.worker_id, plan.modelPath);
      roster.add(started, child, (ended) => this.#startAgain(plan, ended, callbackUrl, tries));
    } catch (error) {
      child?.signal("SIGKILL");
      throw error;
    }
    const { worker_id, model_ref, device, context, slots, port } = record;
    log.info("worker_spawn", {
      worker_id,
      pid: child.pid,
      model_ref,
      device,
      context,
      slots,
      port,
      estimate_bytes: plan.estimateBytes,
      token: secretPrint(record.token),
    });
    this.#options.onChange();
  }

  /** Starts the same worker on a port after the taken one; returns whether it was started. */
  #startAgain(
    plan: SpawnPlan,
    ended: WorkerRecord,
    callbackUrl: string,
    tries: number,
  ): boolean {
    const { log } = this.#options;
    const { worker_id } = ended;
    if (tries === 0 || this.#isClosed) return false;
    try {
      const port = this.#freePort(ended.port + 1);
      const record = { ...ended, pid: null, start_time: null, port, uri: null };
      log.info("worker_port_taken", { worker_id, port: ended.port, next_port: port });
      const command = this.#command(plan, record, callbackUrl);
      this.#launch(plan, record, command, callbackUrl, tries - 1);
      return true;
    } catch (error) {
      log.error("worker_not_started_again", { worker_id, reason: errorMessage(error) });
      return false;
    }
  }

  /** @param base First port to try; 0: the worker takes any. */
  #freePort(base: number): number {
    const { config, roster } = this.#options;
    const promised = new Set(roster.all.map((worker) => worker.record.port));
    return choosePort(config.host, base, (port) => promised.has(port));
  }

  /** Bytes of the machine's memory that a load lacks unless staged copies are removed. */
  #shortOf(needed: number, devices: readonly Device[]): number {
    const host = devices.find(({ kind }) => kind === "cpu");
    return host ? needed - roomOn(host, this.#options.roster.commitments) : 0;
  }

  #newRecord(plan: SpawnPlan): WorkerRecord {
    const { config, clock } = this.#options;
    const startTimeoutMs = plan.engine?.start_timeout_ms ??
      startDeadlineMs(config.start_timeout_ms, plan.sizeBytes);
    return {
      worker_id: plan.engine
        ? newWorkerId()
        : this.#standby.idFor(plan.device.kind) ?? newWorkerId(),
      request_id: plan.request.request_id,
      pid: null,
      start_time: null,
      token: newSecret(),
      spawn_token: newSecret(),
      model_ref: plan.request.model_ref,
      fingerprint: plan.request.fingerprint,
      device: plan.device.id,
      shares: sharesOf(plan),
      context: plan.context,
      slots: plan.slots,
      gpu_layers: plan.gpuLayers,
      estimate_bytes: plan.estimateBytes,
      port: this.#freePort(config.port_base),
      uri: null,
      callback: null,
      backend: plan.device.kind,
      capabilities: [],
      warning: null,
      memory_bytes: 0,
      device_bytes: null,
      life: newLife(clock.steady(), startTimeoutMs),
    };
  }
}

function sharesOf({ claims }: SpawnPlan): WorkerRecord["shares"] {
  if (claims.length === 1) return null;
  return Object.fromEntries(claims.map(({ device, bytes }) => [device, bytes]));
}

function isStopping(): LlorchError {
  return new LlorchError("POOL_UNAVAILABLE", "This pool manager is stopping");
}
