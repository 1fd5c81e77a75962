/** A slot that is free, as the choice sees it. */
export interface FreeSlot {
  /** Tokens of the request that it holds evaluated. */
  readonly shared: number;
  /** When it was last in use; 0 never. */
  readonly usedAt: number;
}

/**
 * The free slot for a request: the one that shares the longest prefix; among equals the one unused
 * for longest, whose content is least likely to be asked for again.
 *
 * @returns its index; undefined when there is none
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
