import type { EngineSequence, KeptState, Sampling } from "../engine/engine.ts";
import { CopyCost } from "./copy_cost.ts";

/** Bounds of a {@linkcode StateCache}. */
export interface StateCacheOptions {
  /** Most bytes of all states; 0: none is kept. */
  readonly mostBytes: number;
  /** Most states. */
  readonly mostStates: number;
  /** A state is forgotten this long after its last use, in ms. */
  readonly expireMs: number;
  /** Called with an error of the engine; what was to be copied is read again. */
  readonly onError: (error: unknown) => void;
}

interface Entry {
  readonly state: KeptState;
  /** In ms of the process's clock. */
  usedAt: number;
}

/**
 * States beside the slots, in the machine's memory: what a slot held when another run took it. Beyond its
 * bounds, those that were not used for longest are forgotten, the shorter ones first.
 */
export class StateCache {
  readonly #options: StateCacheOptions;
  /** The one used last comes last. */
  #entries: Entry[] = [];
  readonly #costs = { keep: new CopyCost(), put: new CopyCost() };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: StateCacheOptions) {
    this.#options = options;
  }

  /** Memory of all states. */
  get bytes(): number {
    return this.#entries.reduce((sum, { state }) => sum + state.bytes, 0);
  }

  /** Number of states. */
  get size(): number {
    return this.#entries.length;
  }

  /** Whether any state can be kept. */
  get isOn(): boolean {
    return this.#options.mostBytes > 0 && !this.#isClosed;
  }

  /** Time that {@linkcode keep} takes, in ms; undefined where that is not known. */
  keepMs(tokens: number): number | undefined {
    return this.#costs.keep.of(tokens, performance.now());
  }

  /** Time that {@linkcode put} takes, in ms; undefined where that is not known. */
  putMs(tokens: number): number | undefined {
    return this.#costs.put.of(tokens, performance.now());
  }

  /** The state that shares the longest prefix with a prompt. */
  find(
    tokens: readonly number[],
    sampling: Sampling,
  ): { readonly state: KeptState; readonly shared: number } | undefined {
    let best: { state: KeptState; shared: number } | undefined;
    for (const { state } of this.#entries) {
      const shared = state.sharedPrefix(tokens, sampling);
      if (shared > (best?.shared ?? 0)) best = { state, shared };
    }
    return best;
  }

  /**
   * Keeps what a sequence holds. Not to be called while a step runs.
   *
   * @returns undefined if it is larger than all that may be kept, or the engine fails
   */
  async keep(sequence: EngineSequence): Promise<KeptState | undefined> {
    const { mostBytes, mostStates, onError } = this.#options;
    if (!this.isOn) return undefined;
    let began = performance.now();
    let state: KeptState | undefined;
    try {
      state = await sequence.keep((bytes) => {
        // Until now, the engine may have been busy with a step that it computed ahead.
        began = performance.now();
        if (bytes > mostBytes) return false;
        this.#makeRoom(mostBytes - bytes, mostStates - 1);
        return true;
      });
    } catch (error) {
      onError(error);
    }
    if (!state) return undefined;
    const now = performance.now();
    this.#costs.keep.learn(state.length, now - began, now);
    if (this.#isClosed) {
      state.forget();
      return undefined;
    }
    for (const entry of this.#entries.filter((entry) => state.includes(entry.state))) {
      this.#forget(entry);
    }
    this.#entries.push({ state, usedAt: now });
    this.#watch();
    return state;
  }

  /**
   * Puts a state into a sequence. Not to be called while a step runs.
   *
   * @returns whether it is there; if not, the sequence is empty
   */
  async put(state: KeptState, sequence: EngineSequence): Promise<boolean> {
    const entry = this.#entries.find((entry) => entry.state === state);
    if (!entry) return false;
    const began = performance.now();
    try {
      await sequence.put(state);
    } catch (error) {
      this.#options.onError(error);
      this.#forget(entry);
      return false;
    }
    const now = performance.now();
    this.#costs.put.learn(state.length, now - began, now);
    this.touch(state);
    return true;
  }

  /** Marks a state as used, so that it is not forgotten before the others. */
  touch(state: KeptState): void {
    const entry = this.#entries.find((entry) => entry.state === state);
    if (!entry) return;
    entry.usedAt = performance.now();
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
  }

  /** Lets a state be forgotten before all others, since a slot has it, too. */
  demote(state: KeptState): void {
    const entry = this.#entries.find((entry) => entry.state === state);
    if (entry) this.#entries = [entry, ...this.#entries.filter((other) => other !== entry)];
  }

  /** Forgets all. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { state } of this.#entries.splice(0)) state.forget();
  }

  #makeRoom(bytes: number, states: number): void {
    // Where only their number counts, a long one is worth more: many short jobs must not push out a long
    // answer that has given its slot to them.
    while (this.#entries.length > 0 && this.size > states) {
      const older = this.#entries.slice(0, Math.ceil(this.size / 2));
      this.#forget(older.reduce((a, b) => b.state.length < a.state.length ? b : a));
    }
    while (this.#entries.length > 0 && this.bytes > bytes) this.#forget(this.#entries[0]!);
  }

  #forget(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.state.forget();
  }

  /** Forgets what expires, also while nothing is asked. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#entries.length === 0 || this.#isClosed) return;
    const oldest = Math.min(...this.#entries.map(({ usedAt }) => usedAt));
    const dueIn = oldest + this.#options.expireMs - performance.now();
    this.#timer = setTimeout(() => {
      const due = performance.now() - this.#options.expireMs;
      for (const entry of this.#entries.filter(({ usedAt }) => usedAt <= due)) this.#forget(entry);
      this.#watch();
    }, Math.max(0, dueIn) + 1);
  }
}
