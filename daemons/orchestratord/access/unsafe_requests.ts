/** How long an unsafe request counts against its API key, in ms. */
export const UNSAFE_WINDOW_MS = 3_600_000;

/** Keys that are remembered, at most; the one whose last such request is oldest is forgotten first. */
const REMEMBERED_KEYS = 10_000;

/** Times that are remembered of one key, at most: more than any sensible limit. */
const REMEMBERED_TIMES = 1_000;

/** Requests of API keys that ended with `REQUEST_UNSAFE`, over the last hour. All times are steady, in ms. */
export class UnsafeRequests {
  readonly #times = new Map<string, number[]>();

  /** Notes one more such request of a key. */
  note(keyId: string, now: number): void {
    const times = [...this.#recent(keyId, now), now].slice(-REMEMBERED_TIMES);
    this.#times.delete(keyId);
    this.#times.set(keyId, times);
    const [oldest] = this.#times.keys();
    if (this.#times.size > REMEMBERED_KEYS && oldest !== undefined) this.#times.delete(oldest);
  }

  /**
   * Whether a key has reached its limit.
   *
   * @returns how long to wait before another try, in ms; 0 if it may go on
   */
  waitMs(keyId: string, perHour: number, now: number): number {
    const times = this.#recent(keyId, now);
    const first = times.at(-perHour);
    return first === undefined ? 0 : first + UNSAFE_WINDOW_MS - now;
  }

  #recent(keyId: string, now: number): readonly number[] {
    return (this.#times.get(keyId) ?? []).filter((at) => now - at < UNSAFE_WINDOW_MS);
  }
}
