/**
 * A checksum at the end of a file, to detect a damaged file before llama.cpp loads it. It is not a
 * signature: anyone who can write the file can compute it.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";

/** Bytes of one read. */
const CHUNK = 1 << 20;
/** Four bytes of a magic number, then the checksum. */
const SEAL_BYTES = 8;
const MAGIC = 0x4c53_4c31;

/** Appends the checksum of a file's content. */
export async function sealFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    await file.write(sealOf(await checksum(file, size)), 0, SEAL_BYTES, size);
  } finally {
    await file.close();
  }
}

/** Whether a file ends in the checksum of all bytes before it. */
export async function isSealed(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = size - SEAL_BYTES;
    if (length < 0) return false;
    const found = new Uint8Array(SEAL_BYTES);
    await file.read(found, 0, SEAL_BYTES, length);
    const wanted = sealOf(await checksum(file, length));
    return wanted.every((byte, index) => byte === found[index]);
  } finally {
    await file.close();
  }
}

function sealOf(sum: number): Uint8Array {
  const bytes = new Uint8Array(SEAL_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, sum, true);
  return bytes;
}

/** CRC-32 of the first bytes of a file. */
async function checksum(file: FileHandle, length: number): Promise<number> {
  const chunk = new Uint8Array(CHUNK);
  let sum = 0;
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK, length - at), at);
    if (bytesRead === 0) break;
    sum = crc32(chunk.subarray(0, bytesRead), sum);
    at += bytesRead;
  }
  return sum;
}
