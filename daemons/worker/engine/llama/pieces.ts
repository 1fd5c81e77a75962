import { LlorchError } from "#shared/errors.ts";

/** The calls of llama.cpp that turn text into tokens and back. */
export interface RawTokenizer {
  /** With `special`, control tokens that are written out become those tokens. */
  tokenize(text: string, special: boolean): readonly number[];
  /** U+FFFD stands for bytes that are not a whole character. */
  detokenize(tokens: readonly number[], special: boolean): string;
}

/**
 * Characters that are tokenized at once. A regular expression of a pre-tokenizer recurses for each
 * character of a run, by some 350 bytes of stack: so many fit into 4 MiB, and take about 10 ms.
 */
export const PIECE_LENGTH = 8_192;
/** What stands this close to the end of a piece may become other tokens with what follows it. */
const MARGIN = 1_024;
/** Digits in a row from which on a piece is short: one pre-tokenizer looks at all that follow each. */
const LONG_NUMBER = 1_024;
const NUMBER_LENGTH = 600;
const NUMBER_MARGIN = 96;
/** Places that are tried for one cut. */
const MAX_TRIES = 32;
const REPLACEMENT = "\ufffd";

/**
 * Tokens of a text, piece by piece: the same as of the whole text at once. A piece ends where a token
 * ends that is the same whether the text before or the text after it is known; the merges of such a
 * tokenizer never reach across a place where one token ends, so nothing else changes.
 *
 * For byte-pair tokenizers alone: others put a space before a text, or choose tokens by what follows.
 *
 * @param most Characters that llama.cpp can be given at once at all.
 * @throws {LlorchError} `INVALID_REQUEST` where more cannot be cut.
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
  /** How much of its end is looked at again with what follows. */
  readonly margin: number;
  /** Whether it ends in the middle of a long number. */
  readonly isNumber: boolean;
}

function pieceFrom(text: string, at: number, size: number, numbers: LongNumbers): Piece {
  const number = numbers.find(at, at + size);
  if (number) {
    // Where digits are grouped from their end, the groups must be those of the whole number.
    const start = number.start + NUMBER_LENGTH;
    const end = start + (number.end - start) % 3;
    return { text: text.slice(at, end), margin: NUMBER_MARGIN, isNumber: true };
  }
  let end = Math.min(at + size, text.length);
  // No half of a character.
  if (end < text.length && /[\udc00-\udfff]/.test(text[end]!)) end--;
  return { text: text.slice(at, end), margin: MARGIN, isNumber: false };
}

/** Digits in a row. */
interface LongNumber {
  readonly start: number;
  readonly end: number;
}

/**
 * The long numbers of a text, looked for as far as is asked. No expression runs over more than a few
 * thousand digits: V8's overflow the stack at some millions of them.
 */
class LongNumbers {
  readonly #text: string;
  #last: LongNumber | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** What is left from a place on of the first long number that begins before another place. */
  find(from: number, to: number): LongNumber | undefined {
    const last = this.#last;
    // The end of a number is looked for once, and not for each of its pieces.
    if (last && last.start <= from && from + LONG_NUMBER <= last.end) {
      return { start: from, end: last.end };
    }
    // A digit may take two places.
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
  /** Tokens and characters of a piece that are certain. */
  readonly tokens: number;
  readonly length: number;
}

/** @returns undefined where no place is found. */
function findCut(
  { text, margin }: Piece,
  tokens: readonly number[],
  special: boolean,
  tokenizer: RawTokenizer,
): Cut | undefined {
  for (const length of placesToCut(text, margin, tokens, special, tokenizer)) {
    const rest = tokenizer.tokenize(text.slice(length), special);
    const before = tokens.length - rest.length;
    // The same tokens are the same text: so one ended here, too, with all that is before it known.
    if (before > 0 && rest.every((token, index) => token === tokens[before + index])) {
      return { tokens: before, length };
    }
  }
  return undefined;
}

/** Lengths of what may come before a cut: ends of tokens, then of words. */
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
    const said = textOf(count);
    // Some vocabularies take spaces out of what they say.
    if (!said.startsWith(REPLACEMENT) && text.endsWith(said)) yield text.length - said.length;
  }
  let tries = 0;
  for (let at = text.length - margin; at > 0 && tries < MAX_TRIES; at--) {
    if (!/^\s\S/.test(text.slice(at, at + 2)) || /\s/.test(text[at - 1]!)) continue;
    yield at;
    tries++;
  }
}
