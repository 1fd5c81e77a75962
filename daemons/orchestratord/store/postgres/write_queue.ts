import { setImmediate } from "node:timers";
import { delay } from "#shared/lifecycle.ts";
import { errorMessage } from "#shared/errors.ts";
import { Fenced } from "../fenced.ts";
import { kindOf, notReady } from "./failures.ts";

/** Time between two attempts to write a database that cannot be written, in ms. */
const RETRY_MS = 250;

/** The first attempts after a lost connection come after this time, in ms. */
const FIRST_RETRY_MS = 20;

/** A database that has been away for this long counts as one that cannot be written, in ms. */
const PATIENCE_MS = 5_000;

interface Waiting<T> {
  readonly write: T;
  /** Whether it waits while the database cannot be written, instead of failing. */
  readonly waits: boolean;
  readonly resolve: (outcome: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Whether it has been tried, with or without success. */
  isTried: boolean;
}

/** What became of one write of a batch: its result, or why it was refused. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** Options of {@linkcode WriteQueue}. */
export interface WriteQueueOptions<T> {
  /** Least time from one batch to the next, in ms. */
  readonly everyMs: number;
  /** Writes of one batch at most. */
  readonly most: number;
  /**
   * Carries out writes, in order; without any, finds out whether writes work. Rejects if the outcome of all
   * of them is unknown or nothing was written; then the same are carried out again.
   *
   * @param isAgain Whether an earlier attempt may have written some or all of them.
   */
  readonly carryOut: (writes: readonly T[], isAgain: boolean) => Promise<readonly Outcome[]>;
  /** Called with the reason when writes begin to fail, and with undefined once they work again. */
  readonly onFailure?: ((reason: string | undefined) => void) | undefined;
  /** See {@linkcode PATIENCE_MS}. */
  readonly patienceMs?: number | undefined;
}

/**
 * Writes in the order of their calls. All that came while one batch was written are the next.
 *
 * A write whose outcome is unknown, because the connection was lost, is sent again until it is known. While
 * the database cannot be written (a full disk, a server that is away for longer), {@linkcode write} fails,
 * and {@linkcode keep} waits.
 */
export class WriteQueue<T> {
  readonly #options: WriteQueueOptions<T>;
  #waiting: Waiting<T>[] = [];
  #current: readonly Waiting<T>[] = [];
  #running: Promise<void> | undefined;
  #failure: string | undefined;
  /** Since when writes fail, in ms of `performance.now()`. */
  #failingSince: number | undefined;
  #beganAt = -Infinity;
  #tried = Promise.withResolvers<void>();
  readonly #closing = new AbortController();

  constructor(options: WriteQueueOptions<T>) {
    this.#options = options;
  }

  /** Why the database cannot be written; undefined if it can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Resolves when it is committed, with what `carryOut` returned for it.
   *
   * @throws {LlorchError} `NOT_READY` if the database cannot be written; the cause says why
   */
  write(write: T): Promise<unknown> {
    if (this.#failure === undefined) return this.#add(write, false);
    return Promise.reject(notReady("The database cannot be written", this.#failure));
  }

  /** Resolves when it is committed, however long the database cannot be written. */
  keep(write: T): Promise<unknown> {
    return this.#add(write, true);
  }

  /** Resolves when all that waits now has been tried. */
  async settled(): Promise<void> {
    const last = this.#waiting.at(-1) ?? this.#current.at(-1);
    // While writes fail, reads do not wait for them.
    while (last && !last.isTried && this.#failingSince === undefined) await this.#tried.promise;
  }

  /** Tries what waits for the last time. */
  async close(): Promise<void> {
    await this.settled();
    this.#closing.abort();
    await this.#running;
    const error = new Error(`The database is closed: ${this.#failure ?? "it was not reached"}`);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #add(write: T, waits: boolean): Promise<unknown> {
    if (this.#closing.signal.aborted) return Promise.reject(new Error("The database is closed"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, waits, resolve, reject, isTried: false });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    const { everyMs, most } = this.#options;
    // All writes of this turn are in the first batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 || this.#failure !== undefined) {
      const left = this.#beganAt + everyMs - performance.now();
      if (left > 0) await this.#pause(left);
      if (this.#closing.signal.aborted) break;
      this.#beganAt = performance.now();
      await this.#carryOut(this.#waiting.splice(0, most));
    }
    // In the same turn as the last look, so that no write is left behind.
    this.#running = undefined;
  }

  #pause(ms: number): Promise<void> {
    return delay(ms, this.#closing.signal).catch(() => {});
  }

  async #carryOut(batch: readonly Waiting<T>[], wasTried = false): Promise<void> {
    let left = batch;
    for (let tries = 0;; tries++) {
      const isAgain = wasTried || tries > 0;
      this.#current = left;
      try {
        const outcomes = await this.#options.carryOut(left.map(({ write }) => write), isAgain);
        this.#works();
        for (const [index, { resolve, reject }] of left.entries()) {
          const outcome = outcomes[index]!;
          if ("value" in outcome) resolve(outcome.value);
          else reject(outcome.error);
        }
        this.#noteTried(left);
        this.#current = [];
        return;
      } catch (error) {
        if (error instanceof Fenced || this.#closing.signal.aborted) {
          for (const { reject } of left) reject(error);
          left = [];
        } else if (kindOf(error) === "refused") {
          // Which of them is found out by trying each alone.
          if (left.length > 1) { for (const each of left) await this.#carryOut([each], isAgain); }
          else for (const { reject } of left) reject(error);
          left = [];
        } else left = this.#fail(left, error);
        this.#noteTried(batch);
        if (left.length === 0 && this.#failure === undefined || this.#closing.signal.aborted) {
          return;
        }
      }
      const pause = this.#failure === undefined
        ? FIRST_RETRY_MS * 2 ** Math.min(tries, 4)
        : RETRY_MS;
      await this.#pause(pause);
    }
  }

  /** Takes note of a failure; returns the writes that wait for its end. */
  #fail(batch: readonly Waiting<T>[], error: unknown): readonly Waiting<T>[] {
    const now = performance.now();
    this.#failingSince ??= now;
    const { patienceMs = PATIENCE_MS, onFailure } = this.#options;
    if (kindOf(error) === "unknown" && now - this.#failingSince < patienceMs) return batch;
    const isNews = this.#failure === undefined;
    this.#failure = errorMessage(error);
    if (isNews) onFailure?.(this.#failure);
    const all = [...batch, ...this.#waiting];
    for (const each of all) {
      if (each.waits) continue;
      each.isTried = true;
      each.reject(notReady("The database cannot be written", error));
    }
    this.#waiting = this.#waiting.filter(({ waits }) => waits);
    return batch.filter(({ waits }) => waits);
  }

  #works(): void {
    this.#failingSince = undefined;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.onFailure?.(undefined);
  }

  #noteTried(batch: readonly Waiting<T>[]): void {
    for (const each of batch) each.isTried = true;
    this.#tried.resolve();
    this.#tried = Promise.withResolvers();
  }
}
