/** Stops `performance.now()`, which a test then moves by hand, until this is disposed of. */
export class StoppedClock implements Disposable {
  readonly #real = performance.now;
  #at = Math.ceil(performance.now());

  constructor() {
    performance.now = () => this.#at;
  }

  /** Moves the clock on. */
  pass(ms: number): void {
    this.#at += ms;
  }

  [Symbol.dispose](): void {
    performance.now = this.#real;
  }
}
