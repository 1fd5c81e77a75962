import type { Clock } from "#shared/clock.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { PoolConfig } from "../config.ts";
import type { Probe } from "./probe.ts";
import type { LoadedFiles } from "./loaded_files.ts";
import type { Roster } from "./roster.ts";
import type { Worker } from "./worker.ts";

/** Health checks that must fail in a row before a silent worker is killed. */
const MIN_FAILED_LOOKS = 3;

/** Dependencies of a {@linkcode Poller}. */
export interface PollerOptions {
  readonly config: PoolConfig["worker"];
  readonly roster: Roster;
  readonly files: LoadedFiles;
  /** Called if the file of a living worker's model was overwritten. */
  readonly onOverwritten: () => void;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Checks the health of every worker regularly. */
export class Poller {
  readonly #options: PollerOptions;
  #cancelTimer = () => {};
  #isClosed = false;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isClosed) return;
    const { clock, config } = this.#options;
    this.#cancelTimer = clock.after(config.poll_interval_ms, () => void this.#round());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  /** Checks one worker. */
  async look(worker: Worker): Promise<void> {
    const { config, probe } = this.#options;
    const address = worker.address(config.host);
    if (address === undefined) return;
    const wasDraining = worker.record.life.state === "draining";
    try {
      const { token } = worker.record;
      const health = await probe.health(address, token, config.poll_interval_ms);
      if (health.worker_id !== worker.id) throw new Error(`"${health.worker_id}" answers there`);
      worker.answered();
      worker.active = health.active;
      worker.serverLoad = health.server_load;
      worker.drainsByItself(health.state === "draining");
      if (health.memory_bytes !== worker.record.memory_bytes || worker.record.uri === null) {
        worker.update({ memory_bytes: health.memory_bytes, uri: address });
      }
      worker.apply({ type: "loading" });
      // A check begun after the drain also shows jobs that were dispatched just before it.
      if (wasDraining && health.active + health.waiting === 0) {
        worker.apply({ type: "idle", stopDeadlineMs: config.stop_deadline_ms });
      }
    } catch (error) {
      this.#lookFailed(worker, errorMessage(error));
    }
  }

  async #round(): Promise<void> {
    const { roster } = this.#options;
    roster.lookAtKernel();
    this.#lookAtFiles();
    await Promise.all(roster.all.map((worker) => this.look(worker)));
    this.start();
  }

  /** Ends the workers whose model files were overwritten. */
  #lookAtFiles(): void {
    const { roster, files, log, onOverwritten } = this.#options;
    files.keep(roster.all.map(({ id }) => id));
    for (const worker of roster.all) {
      const path = files.overwritten(worker.id);
      if (path === undefined || worker.record.life.state === "stopping") continue;
      log.error("model_overwritten", { worker_id: worker.id, path });
      worker.apply({ type: "stop", deadlineMs: 0 });
      onOverwritten();
    }
  }

  #lookFailed(worker: Worker, reason: string): void {
    const { config, clock, log, roster } = this.#options;
    // Before its callback a worker may not listen yet; its start deadline applies.
    if (worker.record.callback === null || roster.find(worker.id) !== worker) return;
    worker.failedLooks++;
    const silentMs = clock.steady() - worker.answeredAt;
    log.debug("worker_silent", { worker_id: worker.id, silent_ms: silentMs, reason });
    if (worker.failedLooks < MIN_FAILED_LOOKS || silentMs < config.unresponsive_ms) return;
    if (worker.record.life.state === "stopping") return;
    log.error("worker_unresponsive", { worker_id: worker.id, silent_ms: silentMs, reason });
    worker.apply({ type: "unresponsive" });
  }
}
