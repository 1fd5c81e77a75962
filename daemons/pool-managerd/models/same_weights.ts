import { Buffer } from "node:buffer";
import { partPaths } from "#shared/models/split.ts";

/** Bytes of each block that is compared. */
const BLOCK = 64 * 1024;

/** Blocks that are compared of each part, spread evenly from the first bytes of it to the last. */
const BLOCKS = 16;

/** Pairs of files whose answer is kept, at most. */
const REMEMBERED = 1000;

/**
 * Tells whether files with the same fingerprint, that is the same headers and sizes, have the same
 * weights, by blocks of each part: another checkpoint of a training differs everywhere. The answer is
 * kept until a file changes. Where a file cannot be read, they are taken for the same: it is not the
 * looking that should make a model unusable.
 */
export function weightsComparer(): (path: string, other: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (path, other) => {
    try {
      const pairs = partPaths(path).map((part, index) =>
        [part, partPaths(other)[index] ?? ""] as const
      );
      const stamps = await Promise.all(pairs.flat().map(stampOf));
      const key = JSON.stringify([path, other, stamps]);
      const before = known.get(key);
      if (before !== undefined) return before;
      let isSame = true;
      for (const [ours, theirs] of pairs) isSame &&= await isSameFile(ours, theirs);
      if (known.size >= REMEMBERED) known.clear();
      known.set(key, isSame);
      return isSame;
    } catch {
      return true;
    }
  };
}

async function stampOf(path: string): Promise<string> {
  const { dev, ino, size, mtime } = await Deno.stat(path);
  return `${dev} ${ino} ${size} ${mtime?.getTime()}`;
}

async function isSameFile(path: string, other: string): Promise<boolean> {
  using ours = await Deno.open(path);
  using theirs = await Deno.open(other);
  const [{ dev, ino, size }, their] = await Promise.all([ours.stat(), theirs.stat()]);
  if (ino !== null && ino === their.ino && dev === their.dev) return true;
  const last = Math.max(0, size - BLOCK);
  for (let index = 0; index < BLOCKS; index++) {
    const at = Math.floor(last * index / (BLOCKS - 1));
    const [a, b] = await Promise.all([block(ours, at), block(theirs, at)]);
    if (a.compare(b) !== 0) return false;
  }
  return true;
}

async function block(file: Deno.FsFile, at: number): Promise<Buffer> {
  await file.seek(at, Deno.SeekMode.Start);
  const bytes = Buffer.alloc(BLOCK);
  let filled = 0;
  while (filled < BLOCK) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
