/**
 * Pictures and sound among the tokens of a prompt. Each of their tokens stands there as a negative number that
 * its content decides, so that prompts are compared, counted, saved and cut as before: what a slot has is
 * found again by the same content, also after a restart and by another worker.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Bit of the number that stands for the first token of a piece. */
const FIRST = 1 << 29;
/** Fewest tokens of a piece that is reused: fewer numbers could be found for other content. */
const TELLING = 5;

/**
 * The numbers that stand for the tokens of a piece.
 *
 * @param content Hash of what the piece is made from, and which of its pieces it is.
 */
export function mediaTokens(content: string, count: number): number[] {
  const digest = createHash("sha256").update(content).digest();
  return Array.from({ length: count }, (_, at) => {
    const word = digest.readUInt32LE(4 * (at % 8)) & (FIRST - 1);
    return -1 - (at === 0 ? word | FIRST : word);
  });
}

/** Whether a number stands for a token of a picture or of sound. */
export function isMedia(token: number | undefined): boolean {
  return token !== undefined && token < 0;
}

function isFirst(token: number | undefined): boolean {
  return token !== undefined && token < 0 && ((-1 - token) & FIRST) !== 0;
}

/** The end of the run that begins at an index: of a piece, or of the text up to the next piece. */
export function runEnd(tokens: readonly number[], from: number): number {
  const isText = !isMedia(tokens[from]);
  let end = from + 1;
  while (end < tokens.length && (isText ? !isMedia(tokens[end]) : isMedia(tokens[end]))) {
    if (!isText && isFirst(tokens[end])) break;
    end++;
  }
  return end;
}

/** The most tokens from the beginning, no more than `length`, that cut no piece into two. */
export function wholeLength(tokens: readonly number[], length: number): number {
  if (length >= tokens.length || !isMedia(tokens[length]) || isFirst(tokens[length])) return length;
  let start = length;
  while (start > 0 && !isFirst(tokens[start])) start--;
  return start;
}

/** The first `length` tokens up to a piece that is too short to be told from others. */
export function tellingLength(tokens: readonly number[], length: number): number {
  for (let at = 0; at < length; at = runEnd(tokens, at)) {
    if (isMedia(tokens[at]) && runEnd(tokens, at) - at < TELLING) return at;
  }
  return length;
}

/** A name for the piece that begins at an index, the same for the same content. */
export function pieceKey(tokens: readonly number[], from: number): string {
  const end = runEnd(tokens, from);
  return `${end - from}:${tokens.slice(from, Math.min(end, from + 8)).join()}`;
}
