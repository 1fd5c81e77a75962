import assert from "node:assert/strict";
import { devicesOf, type PoolModel, type PoolWorker } from "#shared/contracts/mod.ts";
import { type Claim, claimAll } from "#shared/models/device_split.ts";
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
  /** Its place: one device, or several. */
  readonly device: string;
  /** Memory that it takes on each of them. */
  readonly claims: readonly Pick<Claim, "device" | "bytes">[];
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
  /** By other programs. */
  readonly #takenBy: number[];
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
    this.#takenBy = plan.devices.map(() => 0);
  }

  /** Restarts the pool manager, which adopts the workers. */
  restart(): void {
    this.#instance++;
  }

  /** Another program takes memory, or releases it if `bytes` is negative. */
  take(device: number, bytes: number): void {
    this.#used[device % this.#used.length]! += bytes;
    this.#takenBy[device % this.#used.length]! += bytes;
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
    const claims = this.#claims(model, spawn.device);
    if (!claims) throw new Error("does not fit");
    for (const { device, bytes } of claims) this.#used[this.#indexOf(device)]! += bytes;
    const process: Process = {
      id: `${this.id}-worker-${++this.#spawned}`,
      requestId: spawn.requestId,
      model,
      device: spawn.device,
      claims,
      state: "loading",
      hangs: false,
    };
    this.processes.set(process.id, process);
    this.#checkMemory();
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
      for (const { device, bytes } of process.claims) this.#used[this.#indexOf(device)]! -= bytes;
      this.#checkMemory();
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
      memory_bytes: process.claims.reduce((sum, { bytes }) => sum + bytes, 0),
      ...(process.claims.length > 1
        ? { shares: Object.fromEntries(process.claims.map((each) => [each.device, each.bytes])) }
        : {}),
    };
  }

  /** Memory of a load on every device of a place; undefined if one of them lacks it. */
  #claims(model: PoolModel, place: string): Process["claims"] | undefined {
    const rooms = devicesOf(place).map((device) => {
      const index = this.#indexOf(device);
      return { device, bytes: this.memoryOf(index) - this.#used[index]! };
    });
    const [{ device, bytes }] = rooms as [typeof rooms[number]];
    const needed = defaultLoadBytes(model);
    if (rooms.length === 1) return needed <= bytes ? [{ device, bytes: needed }] : undefined;
    const split = model.default_load?.split;
    assert.ok(split, "a model is divided that may not be");
    return claimAll(rooms, split);
  }

  /** Checks that no device is overcommitted, and that no memory is held but that of whole loads. */
  #checkMemory(): void {
    for (const [index, mib] of this.#plan.devices.entries()) {
      const held = [...this.processes.values()].flatMap(({ claims }) => claims)
        .filter(({ device }) => this.#indexOf(device) === index)
        .reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(held <= mib * MIB, `cuda${index} of ${this.id} is overcommitted`);
      const others = this.#used[index]! - held - this.#takenBy[index]!;
      const isKept = this.#settling === 0 ? others === 0 : others >= 0;
      assert.ok(isKept, `cuda${index} of ${this.id} holds ${others} bytes of no worker`);
    }
  }

  #indexOf(device: string): number {
    return Number(device.slice("cuda".length));
  }
}
