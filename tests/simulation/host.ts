import type { PoolModel, PoolWorker } from "#shared/contracts/mod.ts";
import { defaultLoadBytes } from "../../daemons/orchestratord/scheduler/load_size.ts";
import type { PoolReport, Spawn } from "../../daemons/orchestratord/scheduler/state.ts";
import type { Host } from "./scenario.ts";

/** Bytes of a MiB. */
export const MIB: number = 1024 * 1024;

/** Memory of a worker that has ended shows as used for up to this long. */
export const RELEASE_MS = 200;

/** How often a spawn that waits for memory looks. */
export const LOOK_MS = 20;

/** A worker's process. */
export interface Process {
  readonly id: string;
  readonly requestId: string;
  readonly model: PoolModel;
  readonly device: string;
  readonly memory: number;
  state: "loading" | "ready";
  /** It answers nothing any more, though it lives. */
  hangs: boolean;
}

/** What the simulated hosts need of the world around them. */
export interface Around {
  readonly now: number;
  after(ms: number, run: () => void): void;
  /** The host's state has changed: its pool manager reports. */
  report(host: FakeHost): void;
  /** A process is gone: its streams break. */
  ended(process: Process): void;
}

/** One host: a pool manager with its workers, and devices with memory that is taken and given back. */
export class FakeHost {
  readonly id: string;
  readonly processes = new Map<string, Process>();
  /** Reports do not get through, nor do calls. */
  isCutOff = false;
  /** It was, at some time of the run. */
  wasCutOff = false;
  /** The next loads fail. */
  failingLoads = 0;
  readonly #around: Around;
  readonly #plan: Host;
  readonly #models: readonly PoolModel[];
  readonly #used: number[];
  /** Workers that have ended and whose memory still shows as used. */
  #settling = 0;
  #instance = 1;
  #spawned = 0;
  #exits: { worker_id: string; detail: string }[] = [];

  constructor(id: string, plan: Host, models: readonly PoolModel[], around: Around) {
    this.id = id;
    this.#plan = plan;
    this.#models = models;
    this.#around = around;
    this.#used = plan.devices.map(() => 0);
  }

  /** Another pool manager on the same host: it adopts the workers. */
  restart(): void {
    this.#instance++;
  }

  /** Another program takes or gives back memory. */
  take(device: number, bytes: number): void {
    this.#used[device % this.#used.length]! += bytes;
  }

  memoryOf(device: number): number {
    return this.#plan.devices[device % this.#plan.devices.length]! * MIB;
  }

  /** Whether memory of a worker that has ended is about to be free. */
  get isSettling(): boolean {
    return this.#settling > 0;
  }

  /**
   * Starts a worker.
   *
   * @throws {Error} where it does not fit, as a real pool manager checks once more
   */
  spawn(spawn: Spawn): Process {
    const model = this.#models.find(({ fingerprint }) => fingerprint === spawn.fingerprint)!;
    const device = this.#indexOf(spawn.device);
    const memory = defaultLoadBytes(model);
    if (this.#used[device]! + memory > this.memoryOf(device)) throw new Error("does not fit");
    this.#used[device]! += memory;
    const process: Process = {
      id: `${this.id}-worker-${++this.#spawned}`,
      requestId: spawn.requestId,
      model,
      device: spawn.device,
      memory,
      state: "loading",
      hangs: false,
    };
    this.processes.set(process.id, process);
    const fails = this.failingLoads > 0;
    if (fails) this.failingLoads--;
    this.#around.after(this.#plan.loadMs, () => {
      if (!this.processes.has(process.id)) return;
      if (fails) return this.kill(process.id, "broken file");
      process.state = "ready";
      this.#around.report(this);
    });
    return process;
  }

  /** Ends a worker. */
  kill(workerId: string, detail = "killed"): void {
    const process = this.processes.get(workerId);
    if (!process) return;
    this.processes.delete(workerId);
    this.#exits.push({ worker_id: workerId, detail });
    this.#settling++;
    this.#around.after(RELEASE_MS, () => {
      this.#settling--;
      this.#used[this.#indexOf(process.device)]! -= process.memory;
      this.#around.report(this);
    });
    this.#around.ended(process);
    this.#around.report(this);
  }

  /** What the pool manager says of itself now. */
  state(): PoolReport {
    return {
      id: this.id,
      instanceId: `${this.id}-${this.#instance}`,
      endpoint: `http://${this.id}`,
      version: "0",
      modelsRevision: 1,
      sequence: undefined,
      devices: this.#plan.devices.map((mib, index) => ({
        id: `cuda${index}`,
        kind: "cuda" as const,
        name: "simulated",
        total_bytes: mib * MIB,
        free_bytes: Math.max(0, mib * MIB - this.#used[index]!),
      })),
      models: this.#models,
      workers: [...this.processes.values()].map((process) => this.#view(process)),
      exits: this.#exits,
    };
  }

  #view(process: Process): PoolWorker {
    return {
      worker_id: process.id,
      request_id: process.requestId,
      pid: 1,
      model_ref: process.model.model_ref,
      fingerprint: process.model.fingerprint,
      device: process.device,
      uri: `http://${process.id}`,
      token: "t",
      backend: "cuda",
      capabilities: ["generate"],
      state: process.state,
      context: 4096,
      slots: this.#plan.slots,
      active: 0,
      memory_bytes: process.memory,
    };
  }

  #indexOf(device: string): number {
    return Number(device.slice("cuda".length));
  }
}
