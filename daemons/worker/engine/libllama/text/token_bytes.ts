/** A token as a vocabulary has it. */
export interface VocabularyToken {
  readonly piece: string;
  /** Whether the vocabulary is of byte-pair encoding, whose letters each stand for a byte. */
  readonly isBytePair: boolean;
}

/**
 * The bytes of a token that is only a part of a character; undefined for one that is written in
 * another way.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(partBytes({ piece: "<0xF0>", isBytePair: false }), [0xf0]);
 * assert.deepEqual(partBytes({ piece: "ðŁ", isBytePair: true }), [0xf0, 0x9f]);
 * ```
 */
export function partBytes({ piece, isBytePair }: VocabularyToken): number[] | undefined {
  const [, digits] = /^<0x([0-9A-F]{2})>$/.exec(piece) ?? [];
  if (digits !== undefined) return [parseInt(digits, 16)];
  if (!isBytePair) return undefined;
  const bytes = Array.from(piece, (letter) => BYTES.get(letter));
  return bytes.every((byte) => byte !== undefined) ? bytes : undefined;
}

/** GPT-2's letters: printable bytes of Latin-1 stand for themselves, others follow from U+0100 on. */
const BYTES: ReadonlyMap<string, number> = (() => {
  const isPlain = (byte: number) =>
    byte > 0x20 && byte < 0x7f || byte > 0xa0 && byte < 0xad || byte > 0xad;
  let others = 0;
  return new Map(Array.from({ length: 256 }, (_, byte) => [
    String.fromCodePoint(isPlain(byte) ? byte : 0x100 + others++),
    byte,
  ]));
})();
