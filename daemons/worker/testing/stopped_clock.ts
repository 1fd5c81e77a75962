/** Stops `performance.now()`, which then goes on by hand until this is disposed of. */
export class StoppedClock implements Disposable {
  readonly #real = performance.now;
  #at = Math.ceil(performance.now());

  constructor() {
    performance.now = () => this.#at;
  }

  /** Lets so many milliseconds pass. */
  pass(ms: number): void {
    this.#at += ms;
  }

  [Symbol.dispose](): void {
    performance.now = this.#real;
  }
}
