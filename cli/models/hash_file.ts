import { createHash, type Hash } from "node:crypto";

/** Bytes of one read. */
const READ_BYTES = 4 * 1024 * 1024;

/**
 * Feeds a file into a hash, from its current position to its end; `onBytes` gets the count so far.
 */
export async function feedHash(
  file: Deno.FsFile,
  hash: Hash,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<number> {
  // One buffer is filled while the other one is hashed.
  const buffers = [new Uint8Array(READ_BYTES), new Uint8Array(READ_BYTES)] as const;
  let total = 0;
  let pending = file.read(buffers[0]);
  for (let turn = 0;; turn++) {
    const count = await pending;
    signal.throwIfAborted();
    if (count === null) return total;
    pending = file.read(buffers[(turn + 1) % 2]!);
    hash.update(buffers[turn % 2]!.subarray(0, count));
    total += count;
    onBytes(total);
  }
}

/** SHA-256 of a whole file, in hexadecimal. */
export async function hashFile(
  path: string,
  signal: AbortSignal,
  onBytes: (count: number) => void = () => {},
): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  await feedHash(file, hash, signal, onBytes);
  return hash.digest("hex");
}
