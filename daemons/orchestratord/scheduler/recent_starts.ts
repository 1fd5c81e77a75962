import { type Asked, FOLLOWED_FOR_ONE, type Start, startOf } from "./forecast.ts";
import type { State } from "./state.ts";

/** How long a start counts for the next job of the same tenant, in ms. */
const KEPT_MS = 100;

/** Starts that are kept, at most. */
const MOST = 1_000;

interface Kept {
  readonly at: number;
  /** Waiting jobs of the tenant at that time. */
  readonly own: number;
  readonly start: Start;
}

/**
 * When jobs that come now will start, where that is expensive to say: in a line that is longer than is followed
 * job by job, the next job of a tenant starts about as long after its last one as that did after those before it.
 */
export class RecentStarts {
  readonly #kept = new Map<string, Kept>();

  of(state: Readonly<State>, asked: Asked, now: number): Start {
    const { fingerprint, priority, tenant } = asked;
    const own = state.lines.get(fingerprint)?.[priority].get(tenant)?.size ?? 0;
    const key = `${fingerprint} ${priority} ${tenant}`;
    const kept = this.#kept.get(key);
    if (kept && now - kept.at < KEPT_MS) return shifted(kept, own, now);
    const start = startOf(state, asked, now);
    this.#kept.delete(key);
    if (own > 0 && start.ahead > FOLLOWED_FOR_ONE) {
      if (this.#kept.size >= MOST) this.#kept.clear();
      this.#kept.set(key, { at: now, own, start });
    }
    return start;
  }
}

/** A start as it is now that a tenant has another number of waiting jobs. */
function shifted({ at, own: before, start }: Kept, own: number, now: number): Start {
  const { ahead, expected: { mean, variance } } = start;
  const share = own / before;
  return {
    ahead: Math.round(ahead * share),
    expected: { mean: Math.max(0, mean * share - (now - at)), variance: variance * share },
  };
}
