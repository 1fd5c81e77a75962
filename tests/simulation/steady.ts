import type { PoolWorker } from "#shared/contracts/mod.ts";
import type { Effect, Input, NewJob, State } from "../../daemons/orchestratord/scheduler/state.ts";
import { step } from "../../daemons/orchestratord/scheduler/step.ts";
import { Timers } from "./timers.ts";

const TICK_MS = 250;

/** How long a job takes once it runs, in ms. */
export type Service = (jobId: string) => number;

/**
 * A scheduler whose workers never fail: jobs end after their service time, workers load and stop within
 * 100 ms. For effects that show only under a steady load.
 */
export class Steady {
  readonly timers = new Timers();
  readonly state: State;
  /** When each job was dispatched. */
  readonly started = new Map<string, number>();
  /** Called when a job has ended. */
  onEnd: (jobId: string) => void = () => {};
  readonly #service: Service;
  readonly #tokens: (jobId: string) => number;
  readonly #pool: (workers: PoolWorker[]) => Input;
  readonly #worker: (id: string, fingerprint: string, requestId: string) => PoolWorker;
  #workers: PoolWorker[] = [];

  constructor(options: {
    readonly state: State;
    readonly service: Service;
    readonly tokens?: (jobId: string) => number;
    readonly pool: (workers: PoolWorker[]) => Input;
    readonly worker: (id: string, fingerprint: string, requestId: string) => PoolWorker;
    readonly workers?: PoolWorker[];
  }) {
    this.state = options.state;
    this.#service = options.service;
    this.#tokens = options.tokens ?? (() => 1);
    this.#pool = options.pool;
    this.#worker = options.worker;
    this.#workers = options.workers ?? [];
    this.#report();
    this.#tick();
  }

  submit(job: NewJob): void {
    this.#send({ kind: "submit", job });
  }

  runUntil(at: number): void {
    while (this.timers.now < at && this.timers.next());
  }

  #send(input: Input): void {
    for (const effect of step(this.state, input, this.timers.now).effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "dispatch": {
        const { jobId, attempt } = effect;
        this.started.set(jobId, this.timers.now);
        this.timers.after(this.#service(jobId), () => {
          const tokensOut = this.#tokens(jobId);
          this.#send({
            ...{ kind: "attempt_ended", jobId, attempt, tokensOut },
            outcome: { kind: "done" },
          });
          this.onEnd(jobId);
        });
        return;
      }
      case "spawn": {
        const { requestId, fingerprint } = effect.spawn;
        return this.timers.after(100, () => {
          this.#workers.push(this.#worker(`w-${requestId}`, fingerprint, requestId));
          this.#report();
        });
      }
      case "stop_worker":
        return this.timers.after(100, () => {
          this.#workers = this.#workers.filter((each) => each.worker_id !== effect.workerId);
          this.#report();
        });
      case "loaded":
        return;
      default:
        throw new Error(`A steady load knows no ${JSON.stringify(effect)}`);
    }
  }

  #report(): void {
    this.#send(this.#pool(this.#workers));
  }

  #tick(): void {
    this.#report();
    this.#send({ kind: "tick" });
    this.timers.after(TICK_MS, () => this.#tick());
  }
}
