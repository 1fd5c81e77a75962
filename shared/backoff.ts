/** Limits of a pause that doubles with each failure, in milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** More doublings than any `maxMs` needs; without a limit the power would become infinite. */
const MOST_DOUBLINGS = 30;

/** The pause after this many failures in a row, in ms: 0 after none, then doubled by each one. */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff): number {
  if (failures <= 0) return 0;
  return Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS));
}

/**
 * A pause between half of `ms` and all of it, so that clients that failed together do not all try
 * again together.
 *
 * @param random A random number from 0 to 1.
 */
export function spread(ms: number, random: number): number {
  return ms / 2 + random * ms / 2;
}
