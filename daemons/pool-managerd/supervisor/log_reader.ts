/** Most lines that wait for a slow reader. */
const MAX_WAITING = 1000;

/** A reader of a worker's log, which reads at its own pace. */
export class LogReader implements AsyncIterable<string> {
  readonly #waiting: string[];
  readonly #closed = Promise.withResolvers<void>();
  #left = 0;
  #hasEnded = false;
  #wake = () => {};

  /** @param lines Lines that exist already. */
  constructor(lines: readonly string[]) {
    this.#waiting = [...lines];
  }

  /** Resolves when the reader is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Adds a line. A slow reader loses the oldest lines, and gets a line that says how many. */
  add(line: string): void {
    this.#waiting.push(line);
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#left++;
    }
    this.#wake();
  }

  /** Ends the log after the waiting lines. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Closes the reader. */
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
