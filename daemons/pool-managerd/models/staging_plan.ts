/** A copy in memory, as far as the plan uses it. */
export interface StagedCopy {
  readonly fingerprint: string;
  readonly bytes: number;
  /** When it was last used, by a clock that only rises. */
  readonly usedAt: number;
  /** A living worker was started from it: removing it frees nothing, and may break the load. */
  readonly inUse: boolean;
}

/**
 * The copies to remove to free `bytes`: unused ones, least recently used first; undefined if all of
 * them are not enough.
 */
export function toFree(copies: readonly StagedCopy[], bytes: number): string[] | undefined {
  if (bytes <= 0) return [];
  const going: string[] = [];
  let freed = 0;
  for (const copy of copies.filter(({ inUse }) => !inUse).sort((a, b) => a.usedAt - b.usedAt)) {
    going.push(copy.fingerprint);
    freed += copy.bytes;
    if (freed >= bytes) return going;
  }
  return undefined;
}

/**
 * The copies to remove for a new one of `bytes`; undefined if it must not be made. Copies are
 * removed only to stay below `maxBytes`. They are not removed because the machine lacks memory,
 * since the new copy is not more useful than the old ones.
 *
 * @param room Bytes of the machine's memory that are not needed.
 */
export function toReplace(
  copies: readonly StagedCopy[],
  { bytes, maxBytes, room }: {
    readonly bytes: number;
    readonly maxBytes: number;
    readonly room: number;
  },
): string[] | undefined {
  if (bytes > maxBytes) return undefined;
  const held = copies.reduce((total, copy) => total + copy.bytes, 0);
  const going = toFree(copies, held + bytes - maxBytes);
  if (going === undefined) return undefined;
  const freed = copies.filter(({ fingerprint }) => going.includes(fingerprint))
    .reduce((total, copy) => total + copy.bytes, 0);
  return room + freed >= bytes ? going : undefined;
}
