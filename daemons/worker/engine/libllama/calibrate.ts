import { physicalCores } from "../../cores.ts";

/** Options of {@linkcode calibrate}. */
export interface CalibrateOptions {
  /** Numbers of threads to try, in this order. */
  readonly candidates: readonly number[];
  /** Runs one step with this many threads. */
  readonly step: (threads: number) => Promise<void>;
  /** No step begins after this time, in milliseconds. */
  readonly budgetMs: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Steps per candidate. The fastest counts, since disturbances only make steps slower. */
const ROUNDS = 4;
/** A candidate that is this many times slower than the best is not tried again. */
const HOPELESS = 1.5;

/** Finds the number of threads with the fastest step; the first candidate if none was measured. */
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

/** Numbers of threads to try for a setting. */
export function threadsToTry(threads: number | "auto"): readonly number[] {
  return threads === "auto" ? threadCandidates(physicalCores()) : [threads];
}

/** Numbers of threads to try on a machine, beginning with the default. */
export function threadCandidates(cores: number): number[] {
  const all = [cores - 1, cores, Math.ceil(cores / 2), Math.ceil(3 * cores / 4)];
  return [...new Set(all.map((threads) => Math.max(1, threads)))];
}
