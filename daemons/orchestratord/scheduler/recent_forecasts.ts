import {
  type Asked,
  FOLLOWED_FOR_ONE,
  type Leaving,
  leavingTimes,
  type Start,
  startOf,
} from "./forecast.ts";
import type { State } from "./state.ts";

/** How long a start counts for the next job of the same tenant, in ms. */
const START_KEPT_MS = 100;

/** The same of the times at which jobs leave the queue; not longer than the margin of what is told. */
const LEAVING_KEPT_MS = 50;

/** Starts that are kept, at most. */
const MOST = 1_000;

interface KeptStart {
  readonly at: number;
  /** Waiting jobs of the tenant at that time. */
  readonly own: number;
  readonly start: Start;
}

interface KeptLeaving {
  readonly at: number;
  /** All waiting jobs at that time. */
  readonly queued: number;
  readonly leaving: Leaving;
}

/**
 * Forecasts for jobs that come now. They are asked for with each job that comes, also with those that are refused,
 * and follow hundreds of jobs: so what was found a moment ago is used again.
 */
export class RecentForecasts {
  readonly #starts = new Map<string, KeptStart>();
  #leaving: KeptLeaving | undefined;

  /**
   * When a job that comes now will start. In a line that is longer than is followed job by job, the next job of a
   * tenant starts about as long after its last one as that did after those before it.
   */
  startOf(state: Readonly<State>, asked: Asked, now: number): Start {
    const { fingerprint, priority, tenant } = asked;
    const own = state.lines.get(fingerprint)?.[priority].get(tenant)?.size ?? 0;
    const key = `${fingerprint} ${priority} ${tenant}`;
    const kept = this.#starts.get(key);
    if (kept && own > 0 && now - kept.at < START_KEPT_MS) return shifted(kept, own, now);
    const start = startOf(state, asked, now);
    this.#starts.delete(key);
    if (own > 0 && start.ahead > FOLLOWED_FOR_ONE) {
      if (this.#starts.size >= MOST) this.#starts.clear();
      this.#starts.set(key, { at: now, own, start });
    }
    return start;
  }

  /** See {@linkcode leavingTimes}. */
  leaving(state: Readonly<State>, now: number): Leaving {
    const kept = this.#leaving;
    const queued = state.queued.size;
    if (kept?.queued === queued && now - kept.at < LEAVING_KEPT_MS) return kept.leaving;
    const leaving = leavingTimes(state, now);
    this.#leaving = { at: now, queued, leaving };
    return leaving;
  }
}

/** A start as it is now that a tenant has another number of waiting jobs. */
function shifted({ at, own: before, start }: KeptStart, own: number, now: number): Start {
  const { ahead, expected: { mean, variance } } = start;
  const share = own / before;
  return {
    ahead: Math.round(ahead * share),
    expected: { mean: Math.max(0, mean * share - (now - at)), variance: variance * share },
  };
}
