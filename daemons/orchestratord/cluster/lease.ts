/**
 * How long a process may rely on its lease, by its own clock: less long than the others wait before they
 * take it, as a process may be slow to notice.
 */
export class Lease {
  readonly #ttlMs: number;
  readonly #marginMs: number;
  #trustedUntil = -Infinity;

  /**
   * @param ttlMs How long the others wait after a renewal.
   * @param marginMs How much sooner it is not relied on any more.
   */
  constructor(ttlMs: number, marginMs: number) {
    this.#ttlMs = ttlMs;
    this.#marginMs = marginMs;
  }

  /** To be called after a renewal; `began` is when it began, since it may have been slow to come back. */
  renewed(began: number): void {
    this.#trustedUntil = Math.max(this.#trustedUntil, began + this.#ttlMs - this.#marginMs);
  }

  /** To be called once somebody else has it. */
  lost(): void {
    this.#trustedUntil = -Infinity;
  }

  /** Milliseconds for which it can still be relied on; 0 once it cannot. */
  leftMs(now: number): number {
    return Math.max(0, this.#trustedUntil - now);
  }
}
