/** Interval of the one timer that all streams share, in ms. */
const TICK_MS = 2;

/** Lets many callers wait for a time with one timer. */
export class Pace {
  readonly #due = new Map<number, (() => void)[]>();
  #last = Math.floor(performance.now() / TICK_MS);

  constructor() {
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param time A time of `performance.now()`; a past time resolves at the next tick. */
  until(time: number): Promise<void> {
    const tick = Math.max(this.#last + 1, Math.ceil(time / TICK_MS));
    return new Promise((resolve) => {
      const waiting = this.#due.get(tick);
      if (waiting) waiting.push(resolve);
      else this.#due.set(tick, [resolve]);
    });
  }

  #tick(): void {
    const now = Math.floor(performance.now() / TICK_MS);
    while (this.#last < now) {
      const tick = ++this.#last;
      const waiting = this.#due.get(tick);
      this.#due.delete(tick);
      for (const resolve of waiting ?? []) resolve();
    }
  }
}
