import assert from "node:assert/strict";
import { type RawTokenizer, tokensInPieces } from "./pieces.ts";

/** Tokenizes into groups of three digits from the left, and single other characters. */
const triples: RawTokenizer = {
  tokenize: (text) =>
    [...text.matchAll(/\p{Nd}{1,3}|[^]/gu)].map(([token]) =>
      Number(token) || token.codePointAt(0)!
    ),
  detokenize: (tokens) => tokens.map((token) => token < 1000 ? String(token) : "x").join(""),
};

function inPieces(text: string): number[] {
  const tokens: number[] = [];
  for (const piece of tokensInPieces(text, false, triples, Infinity)) tokens.push(...piece);
  return tokens;
}

Deno.test("a number of millions of digits is cut without reading all of it for each piece", () => {
  const text = "x" + "7".repeat(8_000_000) + "y";
  let characters = 0;
  const counting: RawTokenizer = {
    tokenize(part) {
      characters += part.length;
      return triples.tokenize(part, false);
    },
    detokenize: triples.detokenize,
  };
  let pieces = 0;
  for (const piece of tokensInPieces(text, false, counting, Infinity)) {
    assert.ok(piece.length > 0);
    if (++pieces === 2_000) break;
  }
  // The digits of each piece are read twice at most, and once more for each cut that is tried.
  assert.ok(characters < 2_000 * 4_000, `${characters} characters`);
});

Deno.test("numbers in pieces have the same tokens as when tokenized at once", () => {
  for (const length of [1_023, 1_024, 1_025, 9_000, 20_001]) {
    const text = "z".repeat(8_100) + "123456789".repeat(length / 9) + "y" + "7".repeat(length) +
      "!";
    assert.deepEqual(inPieces(text), triples.tokenize(text, false), `${length} digits`);
  }
});
