import { Buffer } from "node:buffer";
import { partPaths } from "#shared/models/split.ts";

/** Size of a compared block, in bytes. */
const BLOCK = 64 * 1024;

/** Compared blocks of each part, evenly spread from its beginning to its end. */
const BLOCKS = 16;

/** Most pairs of files whose result is cached. */
const REMEMBERED = 1000;

/**
 * Compares the weights of files with the same fingerprint, that is the same headers and sizes. Some
 * blocks of each part are enough, since another checkpoint of a training differs everywhere. The
 * result is cached until a file changes. If a file cannot be read, the two count as the same, so
 * that the comparison cannot make a model unusable.
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
