import type { Clock } from "#shared/clock.ts";
import type { PoolWorker, ServerLoad } from "#shared/contracts/pool.ts";
import type { SavedSlots } from "../slots/saved_slots.ts";
import type { PoolStore } from "./pool_store.ts";
import { defined } from "#shared/json.ts";
import { urlHost } from "#shared/http/url_host.ts";
import { withHost } from "../address.ts";
import { committedBytes, type WorkerRecord } from "./record.ts";
import { type LifeEvent, step } from "./worker_life.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** Longest timer of the runtime, in milliseconds; for a later deadline it is set again. */
const MAX_TIMER_MS = 1_000_000_000;

/** Dependencies of a {@linkcode Worker}. */
export interface WorkerContext {
  readonly clock: Clock;
  readonly store: PoolStore;
  /** Undefined: slots are not saved. */
  readonly savedSlots: SavedSlots | undefined;
  /** Default time from SIGTERM to SIGKILL, in milliseconds. */
  readonly stopDeadlineMs: number;
  readonly onChange: () => void;
}

function totalOf(load: ServerLoad | undefined): number {
  return load === undefined ? 0 : load.running + load.waiting;
}

/** A living worker: its record, its process and its next deadline. */
export class Worker {
  readonly process: WorkerProcess;
  /** Streams in progress at its last health check. */
  active = 0;
  /** What the server behind it said of its load then. */
  serverLoad: ServerLoad | undefined;
  /** Health checks that have failed since the last successful one. */
  failedLooks = 0;
  /** Ended workers whose saved slots it was given. */
  heirOf: readonly string[] = [];
  /** Time of the last successful health check. */
  answeredAt: number;
  /** Whether it drains although we did not ask it to. */
  #leavesByItself = false;
  readonly #addedAt: number;
  readonly #context: WorkerContext;
  #record: WorkerRecord;
  #cancelTimer = () => {};
  #isDisposed = false;

  constructor(
    record: WorkerRecord,
    process: WorkerProcess,
    context: WorkerContext,
  ) {
    this.#record = record;
    this.process = process;
    this.#context = context;
    this.#addedAt = context.clock.steady();
    this.answeredAt = this.#addedAt;
    this.#arm();
  }

  /** Time since we started or adopted it, in seconds. */
  get ageSeconds(): number {
    return (this.#context.clock.steady() - this.#addedAt) / 1000;
  }

  /** Records a successful health check. */
  answered(): void {
    this.failedLooks = 0;
    this.answeredAt = this.#context.clock.steady();
  }

  get id(): string {
    return this.#record.worker_id;
  }

  get record(): WorkerRecord {
    return this.#record;
  }

  /**
   * Applies an event; does nothing once it has ended. The change is stored before the signal is
   * sent, so that the cause survives a crash of ours.
   */
  apply(event: LifeEvent): void {
    if (this.#isDisposed) return;
    const before = this.#record.life;
    const { life, signal } = step(before, event, this.#context.clock.steady());
    if (life !== before) {
      this.update({ life });
      this.#arm();
    }
    if (signal === "SIGTERM") this.#terminate();
    else if (signal) this.process.signal(signal);
    if (life.state !== before.state) this.#context.onChange();
  }

  /** Stops it in an orderly way; its idle slots are saved first, in at most half of the time. */
  #terminate(): void {
    const { savedSlots, clock } = this.#context;
    const { callback, uri, life } = this.#record;
    if (!savedSlots || callback === null || uri === null) return this.process.signal("SIGTERM");
    const left = (life.deadline ?? Infinity) - clock.steady();
    void savedSlots.save({ ...this.#record, uri }, left / 2)
      .finally(() => this.process.signal("SIGTERM"));
  }

  /** Records whether it reports that it drains, as after a request that did not come from us. */
  drainsByItself(drains: boolean): void {
    if (drains === this.#leavesByItself) return;
    this.#leavesByItself = drains;
    this.#context.onChange();
  }

  /** Changes its record. */
  update(patch: Partial<WorkerRecord>): void {
    this.#record = { ...this.#record, ...patch };
    this.#context.store.updateWorker(this.#record);
  }

  /** Stops its timer and releases its process. */
  dispose(): void {
    this.#isDisposed = true;
    this.#cancelTimer();
    this.process.forget();
  }

  /** URL for health checks; undefined until we know its port. */
  address(host: string): string | undefined {
    const { uri, port } = this.#record;
    return uri ?? (port === 0 ? undefined : `http://${urlHost(host)}:${port}`);
  }

  /** The worker as reported to the orchestrator. */
  view(advertiseHost: string | undefined): PoolWorker {
    const { uri, life, capabilities, pid } = this.#record;
    const { worker_id, request_id, model_ref, fingerprint, device, token } = this.#record;
    const { backend, context, slots, warning, shares } = this.#record;
    const shown = uri !== null && advertiseHost !== undefined ? withHost(uri, advertiseHost) : uri;
    return {
      worker_id,
      request_id,
      pid: pid ?? this.process.pid,
      model_ref,
      fingerprint,
      device,
      ...(shown === null ? {} : { uri: shown }),
      token,
      backend,
      capabilities: [...capabilities],
      state: life.state === "ready" && this.#leavesByItself ? "draining" : life.state,
      context,
      slots,
      active: Math.max(this.active, totalOf(this.serverLoad)),
      ...defined({ server_load: this.serverLoad }),
      memory_bytes: committedBytes(this.#record),
      ...(shares === null ? {} : { shares: { ...shares } }),
      ...(warning === null ? {} : { warning }),
      ...(this.heirOf.length > 0 ? { heir_of: [...this.heirOf] } : {}),
    };
  }

  #arm(): void {
    this.#cancelTimer();
    const { deadline } = this.#record.life;
    if (deadline === null) return;
    const { clock, stopDeadlineMs } = this.#context;
    const wait = Math.max(0, deadline - clock.steady());
    this.#cancelTimer = clock.after(Math.min(wait, MAX_TIMER_MS), () => {
      this.apply({ type: "tick", stopDeadlineMs });
      if (this.#record.life.deadline === deadline) this.#arm();
    });
  }
}
