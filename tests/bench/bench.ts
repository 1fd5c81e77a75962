/** One measured figure. */
export interface Figure {
  readonly name: string;
  /** With its unit, for people: `44 ms`, `1.2 GB/s`. */
  readonly value: string;
  /** What it is compared with: `at most 3 × deno run: 2.0`. */
  readonly target?: string;
  /** Whether the target is met; a figure without a target is only shown. */
  readonly isMet?: boolean;
}

/** A measurement; it prepares, measures and cleans up by itself. */
export interface Bench {
  /** What is measured and how, in one line. */
  readonly title: string;
  /** Why it cannot be measured here, and what to do. */
  readonly skipped?: string;
  measure(): Promise<readonly Figure[]>;
}

/** The median of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const above = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? above : ((sorted[middle - 1] ?? NaN) + above) / 2;
}

/** A percentile of some numbers; its share is 0.99 for the 99th. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
