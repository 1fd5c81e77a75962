import type { PoolModel, PoolWorker } from "#shared/contracts/mod.ts";
import { defaultLoadBytes } from "../../daemons/orchestratord/scheduler/load_size.ts";
import type { PoolReport, Spawn } from "../../daemons/orchestratord/scheduler/state.ts";
import type { Host } from "./scenario.ts";

/** Bytes of a MiB. */
export const MIB: number = 1024 * 1024;

/** Memory of a worker that has ended shows as used for up to this long. */
export const RELEASE_MS = 200;

/** How often a spawn that waits for memory checks for it. */
export const LOOK_MS = 20;

/** A worker's process. */
export interface Process {
  readonly id: string;
  readonly requestId: string;
  readonly model: PoolModel;
  readonly device: string;
  readonly memory: number;
  state: "loading" | "ready";
  /** Whether it no longer answers, although it runs. */
  hangs: boolean;
}

/** Dependencies of {@linkcode FakeHost}. */
export interface Around {
  readonly now: number;
  after(ms: number, run: () => void): void;
  /** Called when the host's state has changed: its pool manager reports. */
  report(host: FakeHost): void;
  /** Called when a process has ended: its streams break. */
  ended(process: Process): void;
}

/** One host: a pool manager with its workers, and devices whose memory is taken and released. */
export class FakeHost {
  readonly id: string;
  readonly processes = new Map<string, Process>();
  /** Whether neither reports nor calls get through. */
  isCutOff = false;
  /** Whether it was ever cut off during the run. */
  wasCutOff = false;
  /** Number of next loads that fail. */
  failingLoads = 0;
  readonly #around: Around;
  readonly #plan: Host;
  readonly #models: readonly PoolModel[];
  readonly #used: number[];
  /** Number of ended workers whose memory still shows as used. */
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

  /** Restarts the pool manager, which adopts the workers. */
  restart(): void {
    this.#instance++;
  }

  /** Another program takes memory, or releases it if `bytes` is negative. */
  take(device: number, bytes: number): void {
    this.#used[device % this.#used.length]! += bytes;
  }

  memoryOf(device: number): number {
    return this.#plan.devices[device % this.#plan.devices.length]! * MIB;
  }

  /** Whether memory of an ended worker is about to become free. */
  get isSettling(): boolean {
    return this.#settling > 0;
  }

  /**
   * Starts a worker.
   *
   * @throws {Error} if it does not fit, which a real pool manager checks as well
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

  /** The pool manager's current report. */
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
