/** Time as the daemons see it, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the epoch, for what people see and what is kept. It jumps when it is set. */
  now(): number;
  /**
   * Milliseconds that go on evenly whatever the clock is set to, for how long something takes; those
   * of a later process are greater where nobody set the clock back.
   */
  steady(): number;
  /** Calls back once after `ms`; the returned function takes it back. */
  after(ms: number, callback: () => void): () => void;
}

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => Math.floor(performance.timeOrigin + performance.now()),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
