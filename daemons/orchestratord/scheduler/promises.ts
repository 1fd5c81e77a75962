/** A place is kept for this long after its time, in ms: calls take time. */
const KEPT_MS = 500;

/** Clients may come this much earlier: clocks differ, and timers are not exact. In ms. */
const EARLY_MS = 20;

/**
 * What a client is told for a time in ms: whole seconds, as `Retry-After` has them. Those who read the body
 * and those who read the header come at the same time, so that nobody gets the place between them.
 */
export function wholeSeconds(ms: number): number {
  return 1000 * Math.max(1, Math.ceil(ms / 1000));
}

/** Places that refused clients were promised, by the time from which each may have it, ascending. */
export class Promises {
  readonly #times: number[] = [];

  /** Promises a place from a time on. */
  add(at: number): void {
    const later = this.#times.findLastIndex((time) => time <= at);
    this.#times.splice(later + 1, 0, at);
  }

  /** Times from which the places are promised that are still kept. */
  open(now: number): readonly number[] {
    while (this.#times.length > 0 && this.#times[0]! + KEPT_MS < now) this.#times.shift();
    return this.#times;
  }

  /** Whether somebody who comes now was promised a place. */
  isDue(now: number): boolean {
    const [first] = this.open(now);
    return first !== undefined && first <= now + EARLY_MS;
  }

  /** Keeps a promise to somebody who comes now; without one that is due, nothing changes. */
  keep(now: number): void {
    if (this.isDue(now)) this.#times.shift();
  }
}
