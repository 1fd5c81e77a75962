const MINUTE = 60_000;

/** Number of entries above which those that no longer matter are dropped. */
const MAX_IDLE = 1_000;

/**
 * Limits the requests per minute of each key. A key that was idle may send a minute's worth at once; after
 * that it may send one more every `60 s / limit`. This is GCRA, with one number per key: the time until
 * which all requests so far would take at an even pace.
 */
export class RequestRate {
  readonly #paidAt = new Map<string, number>();

  /**
   * Takes one request.
   *
   * @param now ms since the epoch.
   * @returns how long to wait before another try, in ms; 0 if the request is allowed
   */
  take(keyId: string, perMinute: number, now: number): number {
    const interval = MINUTE / perMinute;
    // A clock that was set back must not lock a key out.
    const paidAt = Math.min(Math.max(this.#paidAt.get(keyId) ?? now, now), now + MINUTE);
    const waitMs = paidAt + interval - MINUTE - now;
    // Less than a millisecond is rounding.
    if (waitMs >= 1) return waitMs;
    this.#paidAt.set(keyId, paidAt + interval);
    if (this.#paidAt.size > MAX_IDLE) this.#forget(now);
    return 0;
  }

  /** Keys whose past requests still count. */
  get size(): number {
    return this.#paidAt.size;
  }

  #forget(now: number): void {
    for (const [keyId, paidAt] of this.#paidAt) {
      if (paidAt <= now) this.#paidAt.delete(keyId);
    }
  }
}
