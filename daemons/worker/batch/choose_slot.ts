/** A free slot, as far as {@linkcode chooseSlot} uses it. */
export interface FreeSlot {
  /** Tokens at the request's start that the slot has evaluated. */
  readonly shared: number;
  /** Tokens that it has evaluated. */
  readonly held: number;
  /** When it was last in use, in ms of the process's clock; 0: never. */
  readonly usedAt: number;
}

/** What a request could go on from after it was copied into a slot. */
export interface Copy {
  /** Tokens at the request's start that it has. */
  readonly shared: number;
  /** Tokens that are copied for that. */
  readonly copied: number;
  /** Whether they are in memory already, and need not be kept first. */
  readonly isKept: boolean;
}

/** How long things take, in ms; undefined where that is not known. */
export interface Costs {
  read(tokens: number): number | undefined;
  /** A copy from a slot into memory. */
  keep(tokens: number): number | undefined;
  /** A copy from memory into a slot. */
  put(tokens: number): number | undefined;
}

/** Where a request begins. */
export interface Choice {
  /** Index of the slot. */
  readonly slot: number;
  /** Index of what is copied into it first. */
  readonly copy: number | undefined;
  /** Whether what the slot holds is kept first. */
  readonly keeps: boolean;
}

/** Fewest tokens for which something is copied. */
const WORTH = 32;

/** What may never be asked for again is copied only where that takes at most this share of reading it. */
const KEEP_SHARE = 0.2;

/**
 * Chooses where a request begins:
 *
 * 1. in the free slot that shares the longest prefix with it; among equals in the one that was unused for
 *    longest, since its content is least likely to be used again;
 * 2. or, where reading what a copy has more takes longer than copying it, with that copy in the slot that was
 *    unused for longest.
 *
 * What the slot holds beyond that is kept, where copying it takes little of the time that it took to be read.
 *
 * @returns undefined if none is free
 */
export function chooseSlot(
  free: readonly FreeSlot[],
  copies: readonly Copy[],
  costs: Costs,
): Choice | undefined {
  const nearest = best(free, (a, b) => b.shared - a.shared || a.usedAt - b.usedAt);
  if (nearest === undefined) return undefined;
  const oldest = best(free, (a, b) => a.usedAt - b.usedAt)!;
  const copy = best(copies, (a, b) => b.shared - a.shared || work(a) - work(b));
  const isCopied = copy !== undefined && isQuicker(copies[copy]!, free[nearest]!.shared, costs);
  const slot = isCopied ? oldest : nearest;
  const { held, shared } = free[slot]!;
  return {
    slot,
    copy: isCopied ? copy : undefined,
    keeps: isWorth(held, isCopied ? held : held - shared, costs),
  };
}

/** Whether copying is quicker than reading what a copy has beyond `shared` tokens. */
function isQuicker(copy: Copy, shared: number, costs: Costs): boolean {
  const more = copy.shared - shared;
  if (more < WORTH) return false;
  const [read, put] = [costs.read(more), costs.put(copy.copied)];
  const kept = copy.isKept ? 0 : costs.keep(copy.copied);
  return read === undefined || put === undefined || kept === undefined || kept + put < read;
}

/** What a copy takes, as far as others compare with it. */
function work({ copied, isKept }: Copy): number {
  return isKept ? copied : 2 * copied;
}

/** Whether it is worth it to keep a slot's tokens of which some are about to be lost. */
function isWorth(held: number, lost: number, costs: Costs): boolean {
  if (lost < WORTH) return false;
  const [read, kept] = [costs.read(lost), costs.keep(held)];
  return read === undefined || kept === undefined || kept <= KEEP_SHARE * read;
}

/** Index of the first in order; among equals the first one. */
function best<T>(all: readonly T[], order: (a: T, b: T) => number): number | undefined {
  let found: number | undefined;
  for (const [index, each] of all.entries()) {
    if (found === undefined || order(each, all[found]!) < 0) found = index;
  }
  return found;
}
