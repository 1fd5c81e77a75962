const DAY = 24 * 3_600_000;

/** The day (UTC) of a time, in days since the epoch. */
export function dayOf(now: number): number {
  return Math.floor(now / DAY);
}

/** Until the next day (UTC) begins, in ms. */
export function untilNextDay(now: number): number {
  return (dayOf(now) + 1) * DAY - now;
}
