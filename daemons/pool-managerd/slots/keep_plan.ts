/** What a slot held, saved, as far as the choice of what goes needs it. */
export interface KeptSlot {
  readonly bytes: number;
  /** When the slot was last in use, in milliseconds since the epoch. */
  readonly usedAt: number;
}

/**
 * What is to be erased.
 *
 * 1. What was last used too long ago, or in the future: then the clock was set, and nobody knows.
 * 2. What alone is larger than all may be.
 * 3. Of the rest, least recently used first, as many as it takes.
 */
export function toErase<T extends KeptSlot>(
  slots: readonly T[],
  { maxBytes, expireMs, now }: {
    readonly maxBytes: number;
    readonly expireMs: number;
    readonly now: number;
  },
): T[] {
  let room = maxBytes;
  return slots.toSorted((a, b) => b.usedAt - a.usedAt).filter(({ usedAt, bytes }) => {
    // 1, 2
    if (Math.abs(now - usedAt) >= expireMs || bytes > maxBytes) return true;
    // 3
    room -= bytes;
    return room < 0;
  });
}
