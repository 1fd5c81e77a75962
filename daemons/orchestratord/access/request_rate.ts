const MINUTE = 60_000;

/** Entries above which those that say nothing any more are dropped. */
const MAX_IDLE = 1_000;

/**
 * Requests per minute of each key. A key that was quiet may send a minute's worth at once; after that
 * one more is free every `60 s / limit`. One number per key is all it takes (GCRA): the time at which
 * everything taken so far would have been paid for at an even pace.
 */
export class RequestRate {
  readonly #paidAt = new Map<string, number>();

  /**
   * Takes one request.
   *
   * @param now ms since the epoch.
   * @returns after how many ms to ask again; 0: go on
   */
  take(keyId: string, perMinute: number, now: number): number {
    const interval = MINUTE / perMinute;
    // A clock that was set back must not shut anybody out.
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
