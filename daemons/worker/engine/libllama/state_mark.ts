/**
 * llama.cpp saves a sequence as magic number, version, number of tokens, tokens, state; the first
 * three and each token have 32 bits. Before the tokens we put, as if they were tokens:
 *
 * 1. our mark;
 * 2. the number of the checkpoints that follow the state in the file;
 * 3. for each of them its tokens and its bytes.
 *
 * @module
 */
import { open } from "node:fs/promises";
import type { StateMark } from "../engine.ts";

/** Bytes before the first token. */
const HEAD_BYTES = 12;
/** Most checkpoints of a saved sequence: those that a chat goes back to. */
export const MOST_SAVED = 2;

/** A checkpoint in the file of a saved sequence. */
export interface SavedCheckpoint {
  /** Tokens of the sequence at that time. */
  readonly length: number;
  readonly bytes: number;
}

/** A saved sequence. */
export interface SavedTokens {
  readonly tokens: readonly number[];
  /** In the order of the file. */
  readonly checkpoints: readonly SavedCheckpoint[];
}

/** All that is written as tokens. */
export function withMark(mark: StateMark, { tokens, checkpoints }: SavedTokens): Uint32Array {
  const facts = checkpoints.flatMap(({ length, bytes }) => [length, bytes]);
  return Uint32Array.from([...mark, checkpoints.length, ...facts, ...tokens]);
}

/** Reads what {@linkcode withMark} wrote. */
export function withoutMark(mark: StateMark, written: Uint32Array): SavedTokens {
  const at = mark.length + 1;
  const count = written[mark.length] ?? 0;
  const checkpoints = Array.from({ length: count }, (_, index) => (
    { length: written[at + 2 * index]!, bytes: written[at + 2 * index + 1]! }
  ));
  return { tokens: [...written.subarray(at + 2 * count)], checkpoints };
}

/** Most numbers that {@linkcode withMark} writes for a sequence. */
export function markedSize(mark: StateMark, tokens: number): number {
  return mark.length + 1 + 2 * MOST_SAVED + tokens;
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
