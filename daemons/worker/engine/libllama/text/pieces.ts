import { LlorchError } from "#shared/errors.ts";

/** llama.cpp's functions that convert text to tokens and back. */
export interface RawTokenizer {
  /** With `special`, the text of control tokens becomes those tokens. */
  tokenize(text: string, special: boolean): readonly number[];
  /** Incomplete characters become U+FFFD. */
  detokenize(tokens: readonly number[], special: boolean): string;
}

/**
 * Characters that are tokenized at once. A pre-tokenizer's regular expression recurses for each
 * character of a run and takes about 350 bytes of stack each time: this many fit into 4 MiB, and
 * take about 10 ms.
 */
export const PIECE_LENGTH = 8_192;
/** Characters at the end of a piece whose tokens may depend on the text that follows. */
const MARGIN = 1_024;
/**
 * Length of digit runs for which pieces are short: one pre-tokenizer takes quadratic time on them.
 */
const LONG_NUMBER = 1_024;
const NUMBER_LENGTH = 600;
const NUMBER_MARGIN = 96;
/** Most positions that are tried for one cut. */
const MAX_TRIES = 32;
const REPLACEMENT = "\ufffd";

/**
 * Tokenizes a text in pieces, with the same result as for the whole text. A piece ends where a
 * token ends both with the text before and with only the text after it. Merges of a byte-pair
 * tokenizer never cross such a position, so the tokens on each side do not depend on the other
 * side.
 *
 * Only for byte-pair tokenizers: others put a space before a text, or choose tokens by what
 * follows.
 *
 * @param most Most characters that llama.cpp can tokenize at once.
 * @throws {LlorchError} `INVALID_REQUEST` if more than `most` characters cannot be cut
 */
export function* tokensInPieces(
  text: string,
  special: boolean,
  tokenizer: RawTokenizer,
  most: number,
): Generator<readonly number[]> {
  let at = 0;
  let size = PIECE_LENGTH;
  const numbers = new LongNumbers(text);
  while (true) {
    const piece = pieceFrom(text, at, Math.min(size, most), numbers);
    if (at + piece.text.length === text.length && !piece.isNumber) break;
    const tokens = tokenizer.tokenize(piece.text, special);
    const cut = findCut(piece, tokens, special, tokenizer);
    if (cut) {
      yield tokens.slice(0, cut.tokens);
      at += cut.length;
      size = PIECE_LENGTH;
    } else if (text.length - at <= most) break;
    else if (size < most) size *= 2;
    else {
      throw new LlorchError(
        "INVALID_REQUEST",
        `Cannot tokenize ${text.length - at} characters from character ${
          at + 1
        } on, as they cannot ` +
          `be cut and at most ${most} fit into the worker's stack: break them up`,
      );
    }
  }
  yield tokenizer.tokenize(text.slice(at), special);
}

interface Piece {
  readonly text: string;
  /** Characters at its end that are tokenized again with the text that follows. */
  readonly margin: number;
  /** Whether it ends in the middle of a long number. */
  readonly isNumber: boolean;
}

function pieceFrom(text: string, at: number, size: number, numbers: LongNumbers): Piece {
  const number = numbers.find(at, at + size);
  if (number) {
    // If digits are grouped from the number's end, the groups must be those of the whole number.
    const start = number.start + NUMBER_LENGTH;
    const end = start + (number.end - start) % 3;
    return { text: text.slice(at, end), margin: NUMBER_MARGIN, isNumber: true };
  }
  let end = Math.min(at + size, text.length);
  // Do not cut a surrogate pair.
  if (end < text.length && /[\udc00-\udfff]/.test(text[end]!)) end--;
  return { text: text.slice(at, end), margin: MARGIN, isNumber: false };
}

/** A run of digits, as offsets in the text. */
interface LongNumber {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the long numbers of a text. No regular expression matches more than a few thousand digits
 * at once: V8 overflows its stack at some millions.
 */
class LongNumbers {
  readonly #text: string;
  #last: LongNumber | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The first long number that begins before `to`, without its part before `from`. */
  find(from: number, to: number): LongNumber | undefined {
    const last = this.#last;
    // The end of a number is searched for only once, not for each of its pieces.
    if (last && last.start <= from && from + LONG_NUMBER <= last.end) {
      return { start: from, end: last.end };
    }
    // A digit may have two UTF-16 units.
    const found = BEGINNING.exec(this.#text.slice(from, to + 2 * LONG_NUMBER));
    if (!found || from + found.index >= to) return undefined;
    const start = from + found.index;
    let end = start;
    MORE.lastIndex = start;
    while (MORE.test(this.#text)) end = MORE.lastIndex;
    return this.#last = { start, end };
  }
}

const BEGINNING = new RegExp(`\\p{Nd}{${LONG_NUMBER}}`, "u");
const MORE = new RegExp(`\\p{Nd}{1,${LONG_NUMBER}}`, "uy");

interface Cut {
  /** Number of tokens and characters of a piece before the cut. */
  readonly tokens: number;
  readonly length: number;
}

/** @returns undefined if the piece cannot be cut */
function findCut(
  { text, margin }: Piece,
  tokens: readonly number[],
  special: boolean,
  tokenizer: RawTokenizer,
): Cut | undefined {
  for (const length of placesToCut(text, margin, tokens, special, tokenizer)) {
    const rest = tokenizer.tokenize(text.slice(length), special);
    const before = tokens.length - rest.length;
    // The same tokens at the end mean that a token also ends here in the whole piece.
    if (before > 0 && rest.every((token, index) => token === tokens[before + index])) {
      return { tokens: before, length };
    }
  }
  return undefined;
}

/** Candidate positions of a cut: ends of tokens, then of words. */
function* placesToCut(
  text: string,
  margin: number,
  tokens: readonly number[],
  special: boolean,
  tokenizer: RawTokenizer,
): Generator<number> {
  const textOf = (count: number) => tokenizer.detokenize(tokens.slice(-count), special);
  let count = 1;
  while (count < tokens.length && textOf(count).length < margin) count *= 2;
  for (let tries = 0; tries < MAX_TRIES && count < tokens.length; tries++, count++) {
    const ending = textOf(count);
    // Some vocabularies lose spaces when they detokenize.
    if (!ending.startsWith(REPLACEMENT) && text.endsWith(ending)) yield text.length - ending.length;
  }
  let tries = 0;
  for (let at = text.length - margin; at > 0 && tries < MAX_TRIES; at--) {
    if (!/^\s\S/.test(text.slice(at, at + 2)) || /\s/.test(text[at - 1]!)) continue;
    yield at;
    tries++;
  }
}
