/**
 * llama.cpp saves a sequence as magic number, version, number of tokens, tokens, state; the first
 * three and each token have 32 bits. Our mark is put before the tokens, as if it were tokens.
 *
 * @module
 */
import { open } from "node:fs/promises";
import type { StateMark } from "../engine.ts";

/** Bytes before the first token. */
const HEAD_BYTES = 12;

/** The tokens to save, with the mark that {@linkcode bearsMark} checks. */
export function withMark(mark: StateMark, tokens: readonly number[]): Uint32Array {
  const marked = new Uint32Array(mark.length + tokens.length);
  marked.set(mark);
  marked.set(tokens, mark.length);
  return marked;
}

/** Whether a saved sequence has this mark; false for a file that is too short to have one. */
export async function bearsMark(path: string, mark: StateMark): Promise<boolean> {
  const file = await open(path);
  try {
    const found = new Uint8Array(mark.byteLength);
    const { bytesRead } = await file.read(found, 0, found.length, HEAD_BYTES);
    const wanted = new Uint8Array(mark.buffer, mark.byteOffset, mark.byteLength);
    return bytesRead === found.length && found.every((byte, index) => byte === wanted[index]);
  } finally {
    await file.close();
  }
}
