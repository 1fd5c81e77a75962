import { BEAT_MS, every } from "./beat.ts";
import { afterAbout } from "./patient_timer.ts";
import { plainTimer } from "./timer.ts";

/** The time that daemons use; tests replace it with a clock that they move. */
export interface Clock {
  /** Milliseconds since the epoch, for display and storage. It jumps when the clock is set. */
  now(): number;
  /**
   * Milliseconds of a clock that is never set, to measure durations. With {@linkcode watchSleep},
   * time in which this process did not run does not count, since it could not receive anything
   * then. A later process has greater values, unless the system's clock was set back.
   */
  steady(): number;
  /**
   * Calls back once after `ms` of {@linkcode steady}; the returned function cancels it. The system's clock may be
   * late by a tenth of a second where `ms` is a second or more.
   */
  after(ms: number, callback: () => void): () => void;
}

/** A gap between two readings that is longer than this counts as sleep, in milliseconds. */
export const SLEPT_MS = 1_000;

/** A monotonic clock that leaves out the time in which the process did not run. */
export class LivedTime {
  readonly #monotonic: () => number;
  readonly #onSlept: (ms: number) => void;
  #lookedAt: number;
  #lived: number;

  /**
   * @param monotonic Milliseconds of a clock that is never set.
   * @param onSlept Called with each span of time that is left out, in milliseconds.
   */
  constructor(monotonic: () => number, onSlept: (ms: number) => void) {
    this.#monotonic = monotonic;
    this.#onSlept = onSlept;
    this.#lookedAt = this.#lived = monotonic();
  }

  /** Milliseconds without sleep; must be read at least every {@linkcode SLEPT_MS}. */
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

/** The source of {@linkcode systemClock}; {@linkcode watchSleep} replaces it. */
let elapsed = monotonic;

/** From this time on, in ms, a timer may be late by a tenth of a second. */
const PATIENT_MS = 1_000;

function later(ms: number, callback: () => void): () => void {
  return ms >= PATIENT_MS ? afterAbout(ms, callback) : plainTimer.after(ms, callback);
}

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => Math.floor(elapsed()),
  after(ms, callback) {
    const due = elapsed() + ms;
    let cancel = later(ms, check);
    function check() {
      // If the process slept meanwhile, the timer has fired too early.
      const leftMs = due - elapsed();
      if (leftMs <= 1) callback();
      else cancel = later(leftMs, check);
    }
    return () => cancel();
  },
};

/**
 * Makes {@linkcode systemClock} leave out the time in which this process did not run: it was
 * stopped, its machine slept, or something blocked its only thread.
 *
 * @param onSlept Called with each such time, in milliseconds.
 * @returns a function that ends this; the clock continues from its last value
 */
export function watchSleep(onSlept: (ms: number) => void): () => void {
  const before = elapsed;
  const offset = before() - monotonic();
  const lived = new LivedTime(monotonic, onSlept);
  elapsed = () => lived.read() + offset;
  // Well below SLEPT_MS.
  const stop = every(BEAT_MS, () => lived.read());
  return () => {
    stop();
    const last = elapsed() - monotonic();
    elapsed = () => monotonic() + last;
  };
}
