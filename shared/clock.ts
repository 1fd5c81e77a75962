/** Time as the daemons see it, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the epoch, for what people see and what is kept. It jumps when it is set. */
  now(): number;
  /**
   * Milliseconds that go on evenly whatever the clock is set to, for how long something takes. Time in
   * which this process did not run does not count where {@linkcode watchSleep} watches: nobody could
   * have been heard then. Those of a later process are greater where nobody set the clock back.
   */
  steady(): number;
  /** Calls back once after `ms` of {@linkcode steady}; the returned function takes it back. */
  after(ms: number, callback: () => void): () => void;
}

/** A process that was not on its turn for longer than this did not run, in milliseconds. */
export const SLEPT_MS = 1_000;

/** How often is looked whether the process runs, in milliseconds: well within {@linkcode SLEPT_MS}. */
const LOOK_MS = 250;

/** A monotonic clock less the time in which nobody looked at it. */
export class LivedTime {
  readonly #monotonic: () => number;
  readonly #onSlept: (ms: number) => void;
  #lookedAt: number;
  #lived: number;

  /**
   * @param monotonic Milliseconds of a clock that is never set.
   * @param onSlept Hears of each time that does not count.
   */
  constructor(monotonic: () => number, onSlept: (ms: number) => void) {
    this.#monotonic = monotonic;
    this.#onSlept = onSlept;
    this.#lookedAt = this.#lived = monotonic();
  }

  /** Milliseconds lived; to be read at least every {@linkcode SLEPT_MS}. */
  read(): number {
    const now = this.#monotonic();
    const gapMs = now - this.#lookedAt;
    this.#lookedAt = now;
    if (gapMs > SLEPT_MS) this.#onSlept(gapMs);
    else this.#lived += gapMs;
    return this.#lived;
  }
}

const monotonic = () => performance.timeOrigin + performance.now();

/** What {@linkcode systemClock} goes by: a daemon that watches its sleep changes it. */
let elapsed = monotonic;

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => Math.floor(elapsed()),
  after(ms, callback) {
    const due = elapsed() + ms;
    let timer = setTimeout(check, ms);
    function check() {
      // A timer that ran out while the process did not run has waited for less than it should.
      const leftMs = due - elapsed();
      if (leftMs <= 1) callback();
      else timer = setTimeout(check, leftMs);
    }
    return () => clearTimeout(timer);
  },
};

/**
 * From now on {@linkcode systemClock} leaves out the time in which this process did not run: it was
 * stopped, its machine slept, or something kept its one thread.
 *
 * @param onSlept Hears of each such time, in milliseconds.
 * @returns what ends it; the clock goes on from where it is
 */
export function watchSleep(onSlept: (ms: number) => void): () => void {
  const before = elapsed;
  const offset = before() - monotonic();
  const lived = new LivedTime(monotonic, onSlept);
  elapsed = () => lived.read() + offset;
  const timer = setInterval(() => lived.read(), LOOK_MS);
  Deno.unrefTimer(timer);
  return () => {
    clearInterval(timer);
    const last = elapsed() - monotonic();
    elapsed = () => monotonic() + last;
  };
}
