/**
 * Calls once when nothing happened for a time. Saying that something did costs a look at the clock;
 * the one timer is set again only when it has run out.
 */
export class Watchdog {
  readonly #ms: number;
  readonly #onSilence: () => void;
  #last = performance.now();
  #isPaused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ms Of silence, after which `onSilence` is called */
  constructor(ms: number, onSilence: () => void) {
    this.#ms = ms;
    this.#onSilence = onSilence;
    this.#wait(ms);
  }

  /** Something has happened. */
  touch(): void {
    this.#last = performance.now();
    this.#isPaused = false;
  }

  /** What comes next is not waited for, up to the next {@linkcode touch}. */
  pause(): void {
    this.#isPaused = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#isPaused ? this.#ms : this.#last + this.#ms - performance.now();
      if (left > 0) this.#wait(left);
      else this.#onSilence();
    }, ms);
  }
}
