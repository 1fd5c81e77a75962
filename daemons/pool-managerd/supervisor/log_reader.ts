/** Lines that wait for a slow reader, at most. */
const MAX_WAITING = 1000;

/** Somebody who reads a worker's log along, at a pace of their own. */
export class LogReader implements AsyncIterable<string> {
  readonly #waiting: string[];
  readonly #closed = Promise.withResolvers<void>();
  #left = 0;
  #hasEnded = false;
  #wake = () => {};

  /** @param lines What there is already. */
  constructor(lines: readonly string[]) {
    this.#waiting = [...lines];
  }

  /** Resolves when nobody reads any more. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Takes a new line; a reader that is too slow loses the oldest ones, and is told so. */
  add(line: string): void {
    this.#waiting.push(line);
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#left++;
    }
    this.#wake();
  }

  /** No line comes after those that wait. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Nobody reads any more. */
  close(): void {
    this.end();
    this.#closed.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    try {
      while (true) {
        if (this.#left > 0) {
          const left = this.#left;
          this.#left = 0;
          yield `… ${left} lines left out`;
        }
        const line = this.#waiting.shift();
        if (line !== undefined) yield line;
        else if (this.#hasEnded) return;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      this.close();
    }
  }
}
