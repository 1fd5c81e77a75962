import { setImmediate } from "node:timers";
import { LlorchError, toLlorchError } from "#shared/errors.ts";
import { type EngineSequence, EngineStuck, type KeptState } from "../engine/engine.ts";
import { chooseSlot, type Copy, type Costs } from "./choose_slot.ts";
import { PrefillPace } from "./prefill_pace.ts";
import { planPrefill } from "./prefill_plan.ts";
import type { Run } from "./run.ts";
import type { RunTable } from "../answers/run_table.ts";
import { type Leader, Slot } from "./slot.ts";
import type { StateCache } from "./state_cache.ts";

/** Dependencies of a {@linkcode StepLoop}. */
export interface StepLoopOptions {
  readonly sequences: readonly EngineSequence[];
  readonly table: Pick<RunTable<Run>, "next" | "takeNext" | "waiting">;
  /** Keeps what slots held. */
  readonly cache: StateCache;
  /** Prompt tokens of a step in which runs generate; undefined: decided by `prefillSlowdown`. */
  readonly prefillChunk: number | undefined;
  /** How many times longer than alone a prompt may take beside others that generate. */
  readonly prefillSlowdown: number;
  readonly batchSize: number;
  /** Called when the loop has failed, after which nothing runs. */
  readonly onFatal: (error: unknown) => void;
}

/** What a run can go on from: a kept state, what a busy slot has, or what it will have read. */
interface Source extends Copy {
  readonly state?: KeptState;
  readonly slot?: Slot;
  readonly leader?: Leader;
}

/** Most time for which the first of several runs waits for the others, in milliseconds. */
const GATHER_MS = 5;

/**
 * The only loop that drives the engine. Each turn gives free slots to waiting runs, advances every
 * slot by one step and waits for all of them, so that their tokens are in the same batch.
 */
export class StepLoop {
  readonly #options: StepLoopOptions;
  readonly #slots: readonly Slot[];
  readonly #pace: PrefillPace;
  readonly #done: Promise<void>;
  /** Work to do before the next step; `refuse` is called instead if there is no next step. */
  #between: { work(): Promise<void>; refuse(): void }[] = [];
  #closing = false;
  /** Runs whose leader has ended before they could go on from it: they are placed again before all others. */
  readonly #again: Run[] = [];
  readonly #costs: Costs = {
    read: (tokens) => this.#pace.readMs(tokens),
    keep: (tokens) => this.#options.cache.keepMs(tokens),
    put: (tokens) => this.#options.cache.putMs(tokens),
  };
  /** Rejects the running step. */
  #break: (error: EngineStuck) => void = () => {};
  #wake: () => void = () => {};
  #woken = false;

  constructor(options: StepLoopOptions) {
    this.#options = options;
    this.#slots = options.sequences.map((sequence) => new Slot(sequence));
    this.#pace = new PrefillPace(options.prefillSlowdown);
    this.#done = this.#loop().catch((error) => {
      this.#closing = true;
      for (const { refuse } of this.#between.splice(0)) refuse();
      options.onFatal(error);
    }).finally(() => options.cache.close());
  }

  /** Slots in use. */
  get active(): number {
    return this.#slots.filter((slot) => slot.run).length;
  }

  /** Slots that no run has. */
  get free(): number {
    return this.#slots.length - this.active;
  }

  /** Makes the loop continue: a run came or ended, or a reader has read. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /**
   * Works with a slot between two steps; runs wait until it is done.
   *
   * @throws {LlorchError} `NOT_FOUND` if there is no such slot, `NOT_READY` once the loop ends
   */
  async withSlot<T>(index: number, work: (slot: Slot) => Promise<T>): Promise<T> {
    const slot = this.#slots[index];
    if (!slot) {
      const last = this.#slots.length - 1;
      throw new LlorchError("NOT_FOUND", `Cannot find slot ${index}: the last one is ${last}`);
    }
    const stops = () => new LlorchError("NOT_READY", "The worker stops");
    if (this.#closing) throw stops();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#between.push({
      work: () => work(slot).then(resolve, reject),
      refuse: () => reject(stops()),
    });
    this.wake();
    return await promise;
  }

  /** Ends the loop after the running step. */
  async close(): Promise<void> {
    this.#closing = true;
    this.wake();
    await this.#done;
  }

  async #loop(): Promise<void> {
    while (!this.#closing) {
      this.#woken = false;
      this.#releaseEnded();
      await this.#doBetween();
      await this.#serveFollowers();
      await this.#assignWaiting();
      const ready = this.#slots.filter(({ run, leader, isEncoding }) =>
        run && !leader && !isEncoding && canStep(run)
      );
      if (ready.length > 0) await this.#step(ready);
      else {
        await this.#sleep();
        await this.#gather();
      }
    }
    await this.#doBetween();
  }

  async #doBetween(): Promise<void> {
    for (let next = this.#between.shift(); next; next = this.#between.shift()) await next.work();
  }

  /** Waits for {@linkcode wake}, unless it was called since the turn began. */
  #sleep(): Promise<void> {
    if (this.#woken) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }

  /**
   * Lets runs begin together that come together: those that come during the first step would wait for its end,
   * and then be read slowly beside those that run. One that comes alone waits for one turn of the event loop.
   */
  async #gather(): Promise<void> {
    const { table } = this.#options;
    const giveUpAt = performance.now() + GATHER_MS;
    let known: number;
    do {
      known = table.waiting;
      await new Promise((resolve) => setImmediate(resolve));
    } while (table.waiting > known && performance.now() < giveUpAt);
  }

  #releaseEnded(): void {
    for (const slot of this.#slots) if (slot.run?.ended) slot.release();
  }

  async #assignWaiting(): Promise<void> {
    const { table } = this.#options;
    while (true) {
      const free = this.#slots.filter((slot) => !slot.run);
      const waits = this.#again[0] ?? table.next;
      if (free.length === 0 || !waits) return;
      const take = await this.#place(waits, free);
      // It may have ended while something was copied; then it is in no table any more.
      const run = waits === this.#again[0]
        ? this.#again.shift()
        : waits.ended
        ? undefined
        : table.takeNext();
      if (run && !run.ended) take(run);
    }
  }

  #assign(slot: Slot, run: Run): void {
    this.#guard(slot, () => {
      const encoding = slot.assign(run);
      encoding?.then(() => this.wake(), (error) => {
        if (slot.run === run) this.#fail(slot, error);
        this.wake();
      });
    });
  }

  /** Prepares a free slot for a run; returns what gives it the slot. */
  async #place(run: Run, free: readonly Slot[]): Promise<(run: Run) => void> {
    const { cache } = this.#options;
    const sources = this.#sourcesFor(run);
    const choice = chooseSlot(
      free.map((slot) => (
        { shared: slot.shared(run), held: slot.sequence.length, usedAt: slot.usedAt }
      )),
      sources,
      this.#costs,
    )!;
    const slot = free[choice.slot]!;
    const source = choice.copy === undefined ? undefined : sources[choice.copy];
    if (source?.state) cache.touch(source.state);
    if (choice.keeps) await cache.keep(slot.sequence);
    const leader = source?.leader;
    if (leader) return (run) => slot.follow(run, leader);
    if (source) await this.#copy(source, slot);
    return (run) => this.#assign(slot, run);
  }

  /** What a run can go on from once it was copied into its slot. */
  #sourcesFor(run: Run): Source[] {
    const { cache } = this.#options;
    // What was evaluated before has no logits any more.
    if (!cache.isOn || run.scoredTo > 0) return [];
    const { tokens, sampling } = run;
    const sources: Source[] = [];
    const kept = cache.find(tokens, sampling);
    if (kept) sources.push({ ...kept, copied: kept.state.length, isKept: true });
    for (const slot of this.#slots) {
      if (!slot.run || slot.leader || !canStep(slot.run)) continue;
      const { sequence } = slot;
      const shared = sequence.sharedByCopy(tokens, sampling);
      if (shared > 0) {
        sources.push({ slot, shared, copied: sequence.length, isKept: false });
      }
      const length = slot.willShare(run);
      if (length > slot.done) {
        const leader = { slot, run: slot.run, length };
        sources.push({ leader, shared: length, copied: length, isKept: false });
      }
    }
    return sources;
  }

  async #copy({ state, slot, shared }: Source, into: Slot): Promise<void> {
    const { cache } = this.#options;
    const copied = state ?? (slot && await cache.keep(slot.sequence));
    if (!copied || !await cache.put(copied, into.sequence)) return;
    // The slot has all of it.
    if (shared === copied.length) cache.demote(copied);
  }

  /** Lets the runs begin whose leader has read what they begin with. */
  async #serveFollowers(): Promise<void> {
    const { cache } = this.#options;
    const states = new Map<Slot, KeptState | undefined>();
    for (const slot of this.#slots) {
      const { run, leader } = slot;
      if (!run || !leader || run.ended) continue;
      if (leader.slot.run !== leader.run || !canStep(leader.run)) {
        slot.release();
        this.#again.push(run);
        continue;
      }
      if (leader.slot.done < leader.length) continue;
      if (!states.has(leader.slot)) {
        states.set(leader.slot, await cache.keep(leader.slot.sequence));
      }
      const state = states.get(leader.slot);
      if (state) await cache.put(state, slot.sequence);
      if (!run.ended) this.#assign(slot, run);
    }
  }

  async #step(ready: readonly Slot[]): Promise<void> {
    const filling = ready.filter((slot) => slot.remaining > 0);
    const generating = ready.length - filling.length;
    const prompts = {
      prompts: filling.length,
      depth: filling.reduce((sum, { done }) => sum + done, 0) / Math.max(1, filling.length),
    };
    const amounts = planPrefill({
      remaining: filling.map((slot) => slot.evaluable(generating === 0, this.#stopsOf(slot))),
      generating,
      chunk: this.#options.prefillChunk ?? this.#pace.chunk(generating, prompts),
      batchSize: this.#options.batchSize,
    });
    const isScoring = filling.some((slot) => slot.isScoring);
    const began = performance.now();
    const amountOf = new Map(filling.map((slot, index) => [slot, amounts[index]!]));
    const { promise: broken, reject } = Promise.withResolvers<never>();
    this.#break = reject;
    // Without the race, a slot that never ends would block the others.
    const isKnown = await Promise.race([
      Promise.all(ready.map((slot) => this.#advance(slot, amountOf.get(slot) ?? 0))),
      broken,
    ]);
    const prefilled = amounts.reduce((sum, amount) => sum + amount, 0);
    // Scores take longer than prompts, which they say nothing of.
    if (!isScoring) {
      this.#pace.observe({ generating, prefilled, ms: performance.now() - began, ...prompts });
    }
    // Only now: the engine must not be changed while others compute.
    ready.filter((_, index) => !isKnown[index]).forEach((slot) => slot.reset());
  }

  /** Lengths of a slot's prompt from which other runs go on. */
  #stopsOf(slot: Slot): number[] {
    return this.#slots.flatMap(({ leader }) => leader?.slot === slot ? leader.length : []);
  }

  /**
   * Advances one slot. An error ends only this slot's run.
   *
   * @returns whether what the slot has is known
   */
  async #advance(slot: Slot, prefill: number): Promise<boolean> {
    try {
      await slot.step(prefill);
      return true;
    } catch (error) {
      this.#fail(slot, error);
      // The request itself was at its end; see `Generation.next`.
      return error instanceof LlorchError && error.code === "INVALID_REQUEST";
    }
  }

  #guard(slot: Slot, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(slot, error);
    }
  }

  #fail(slot: Slot, error: unknown): void {
    if (error instanceof EngineStuck) this.#break(error);
    if (!slot.run || slot.run.ended) return;
    const { answer } = slot.run;
    if (!(error instanceof LlorchError)) {
      answer.log.error("step_failed", { job_id: answer.spec.jobId, error });
    }
    answer.fail(toLlorchError(error));
  }
}

/** Whether a run can go on: it has not ended, and its reader is not behind. */
function canStep({ ended, answer }: Run): boolean {
  return !ended && !answer.stream.full;
}
