/** A copy in memory, as far as the choice of what goes needs it. */
export interface StagedCopy {
  readonly fingerprint: string;
  readonly bytes: number;
  /** When it was last used, by a clock that only rises. */
  readonly usedAt: number;
  /** A living worker was started from it: what goes then frees nothing, and may break its load. */
  readonly inUse: boolean;
}

/**
 * The copies that must go so that `bytes` are freed: those not in use, least recently used first; undefined
 * where all of them would not do.
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
 * The copies that make way for a new one of `bytes`; undefined where it must not be made. The copies in the
 * way go while they are over the bound of all; memory that is short is not taken from them: then the
 * new copy is no better than the old.
 *
 * @param room Bytes of the machine that nobody needs.
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
