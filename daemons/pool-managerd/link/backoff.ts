/** Bounds of a growing wait, in milliseconds. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The wait after the n-th failure in a row, counted from 1: doubles up to the longest. */
export function backoffMs(failures: number, { firstMs, maxMs }: BackoffOptions): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
}
