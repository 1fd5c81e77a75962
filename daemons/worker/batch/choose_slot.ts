/** A free slot, as far as {@linkcode chooseSlot} uses it. */
export interface FreeSlot {
  /** Tokens at the request's start that the slot has evaluated. */
  readonly shared: number;
  /** When it was last in use, in ms of the process's clock; 0: never. */
  readonly usedAt: number;
}

/**
 * Chooses the free slot that shares the longest prefix with a request; among equals the one that
 * was unused for longest, since its content is least likely to be used again.
 *
 * @returns its index; undefined if none is free
 */
export function chooseSlot(free: readonly FreeSlot[]): number | undefined {
  let best: number | undefined;
  for (const [index, slot] of free.entries()) {
    const leader = best === undefined ? undefined : free[best]!;
    if (
      leader === undefined || slot.shared > leader.shared ||
      slot.shared === leader.shared && slot.usedAt < leader.usedAt
    ) best = index;
  }
  return best;
}
