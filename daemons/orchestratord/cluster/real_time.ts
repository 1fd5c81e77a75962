/** Time as others have it, and timers by it. Tests replace it. */
export interface Timing {
  /** Milliseconds of a clock that never runs slower than those of others. */
  now(): number;
  /** Calls back once after `ms`, or as soon as this process runs again; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/**
 * A clock that also counts the time in which this process or its machine stood still: the system's steady clock
 * leaves out a machine's sleep, and its wall clock may be set back.
 */
export class RealTime implements Timing {
  readonly #steady: () => number;
  readonly #wall: () => number;
  #lastSteady: number;
  #lastWall: number;
  #now = 0;

  constructor(steady = () => performance.now(), wall = () => Date.now()) {
    [this.#steady, this.#wall] = [steady, wall];
    [this.#lastSteady, this.#lastWall] = [steady(), wall()];
  }

  now(): number {
    const [steady, wall] = [this.#steady(), this.#wall()];
    this.#now += Math.max(steady - this.#lastSteady, wall - this.#lastWall);
    [this.#lastSteady, this.#lastWall] = [steady, wall];
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  }
}
