/** Bounds of a pause that doubles, in milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** More doublings than any bound has room for; a power beyond is no number to count with. */
const MOST_DOUBLINGS = 30;

/** The pause after so many failures in a row, in milliseconds: 0 after none, and doubled by each more. */
export function backoffMs(failures: number, { firstMs, maxMs }: Backoff): number {
  if (failures <= 0) return 0;
  return Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS));
}

/**
 * A pause between half of `ms` and all of it, so that those who failed together do not come back together.
 *
 * @param random 0 to 1
 */
export function spread(ms: number, random: number): number {
  return ms / 2 + random * ms / 2;
}
