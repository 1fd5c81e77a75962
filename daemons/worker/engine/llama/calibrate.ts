/** What {@linkcode calibrate} needs. */
export interface CalibrateOptions {
  /** Numbers of threads to try, the first of them first. */
  readonly candidates: readonly number[];
  /** Takes one step with so many threads. */
  readonly step: (threads: number) => Promise<void>;
  /** No step begins after this time, in milliseconds. */
  readonly budgetMs: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Steps of each candidate; the quickest counts, because others disturb and nothing speeds up. */
const ROUNDS = 4;
/** A candidate that is so many times slower than the best is not asked again. */
const HOPELESS = 1.5;

/** The number of threads with which a step is quickest; the first candidate where nothing was measured. */
export async function calibrate(options: CalibrateOptions): Promise<number> {
  const { candidates, step, budgetMs, now } = options;
  const end = now() + budgetMs;
  const times = candidates.map((threads) => ({ threads, ms: Infinity }));
  const best = () => times.reduce((a, b) => b.ms < a.ms ? b : a);
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of times) {
      if (now() >= end) return best().threads;
      if (round > 0 && each.ms > HOPELESS * best().ms) continue;
      const began = now();
      await step(each.threads);
      each.ms = Math.min(each.ms, now() - began);
    }
  }
  return best().threads;
}

/** Numbers of threads worth a try on a machine: from the default outwards. */
export function threadCandidates(cores: number): number[] {
  const all = [cores - 1, cores, Math.ceil(cores / 2), Math.ceil(3 * cores / 4)];
  return [...new Set(all.map((threads) => Math.max(1, threads)))];
}
