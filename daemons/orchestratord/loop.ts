import type { Clock } from "#shared/clock.ts";
import { nameIndex, type ResolvedModel, resolveModel } from "./scheduler/resolve.ts";
import {
  type Effect,
  initialState,
  type Input,
  type Policy,
  type State,
} from "./scheduler/state.ts";
import { checkCapacity, predictStart, queueOrder, step } from "./scheduler/step.ts";

/** Carries out what the scheduler decides. Must not throw and must not wait. */
export type Effects = (effect: Effect) => void;

/**
 * The one owner of the scheduler's state. Everything that happens is sent here; an input that an
 * effect causes is handled after the effects before it.
 */
export class Loop {
  #state: State;
  readonly #clock: Clock;
  #effects: Effects = () => {};
  #inputs: Input[] = [];
  #busy = false;
  #names: ReturnType<typeof nameIndex> | undefined;

  constructor(policy: Policy, clock: Clock) {
    this.#state = initialState(policy);
    this.#clock = clock;
  }

  /** Says who carries out effects; once, before the first input. */
  connect(effects: Effects): void {
    this.#effects = effects;
  }

  /** The state, to look at. */
  get state(): Readonly<State> {
    return this.#state;
  }

  send(input: Input): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
        const { state, effects } = step(this.#state, next, this.#clock.now());
        this.#state = state;
        if (next.kind === "pool_seen" || next.kind === "pool_left" || next.kind === "tick") {
          this.#names = undefined;
        }
        for (const effect of effects) this.#effects(effect);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** See {@linkcode resolveModel}. */
  resolve(name: string): ResolvedModel {
    this.#names ??= nameIndex(this.#state.pools.values());
    return resolveModel(this.#names, name, this.#state.pools.size);
  }

  /** What every name stands for. */
  names(): ReturnType<typeof nameIndex> {
    return this.#names ??= nameIndex(this.#state.pools.values());
  }

  /**
   * Checks the queue's bound and tells where a job would stand.
   *
   * @throws {LlorchError} `QUEUE_FULL`
   */
  place(priority: "interactive" | "batch", fingerprint: string) {
    checkCapacity(this.#state);
    const ahead = queueOrder(this.#state, this.#clock.now())
      .filter((job) => priority === "batch" || job.priority === "interactive").length;
    return {
      queue_position: ahead,
      predicted_start_ms: predictStart(this.#state, fingerprint, ahead),
    };
  }
}
