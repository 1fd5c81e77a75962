/** A saved slot, as far as the plan uses it. */
export interface KeptSlot {
  readonly bytes: number;
  /** When the slot was last in use, in milliseconds since the epoch. */
  readonly usedAt: number;
}

/**
 * The saved slots to erase.
 *
 * 1. Those last used too long ago, or in the future, which means that the clock was set.
 * 2. Those that alone are larger than `maxBytes`.
 * 3. Of the rest, least recently used first, as many as needed to stay below `maxBytes`.
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
