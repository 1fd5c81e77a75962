import type { Clock } from "#shared/clock.ts";

/**
 * Calls back once when nothing has happened for some time. A {@linkcode Watchdog.touch} only reads the
 * clock; the one timer is set again only when it has run out.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #onSilence: () => void;
  #last: number;
  #isPaused = false;
  #cancel = () => {};

  /** @param ms Silence after which `onSilence` is called, in ms. */
  constructor(clock: Clock, ms: number, onSilence: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#onSilence = onSilence;
    this.#last = clock.steady();
    this.#wait(ms);
  }

  /** Reports that something has happened. */
  touch(): void {
    this.#last = this.#clock.steady();
    this.#isPaused = false;
  }

  /** Suspends the watchdog until the next {@linkcode touch}. */
  pause(): void {
    this.#isPaused = true;
  }

  stop(): void {
    this.#cancel();
  }

  #wait(ms: number): void {
    this.#cancel = this.#clock.after(ms, () => {
      const left = this.#isPaused ? this.#ms : this.#last + this.#ms - this.#clock.steady();
      if (left > 0) this.#wait(left);
      else this.#onSilence();
    });
  }
}
