import assert from "node:assert/strict";
import {
  isMedia,
  mediaTokens,
  pieceKey,
  runEnd,
  tellingLength,
  wholeLength,
} from "./media_tokens.ts";

const [CAT, DOG] = [mediaTokens("cat:0", 9), mediaTokens("dog:0", 6)];
const PROMPT = [1, 2, ...CAT, ...DOG, 3, ...CAT, 4];

Deno.test("the same content has the same numbers, another one has others, and none is a token", () => {
  assert.deepEqual(mediaTokens("cat:0", 9), CAT);
  assert.ok(CAT.every((token) => isMedia(token) && token >= -(2 ** 31)));
  assert.notDeepEqual(mediaTokens("cat:1", 9), CAT);
  // As a file of a saved slot has them.
  assert.deepEqual([...new Int32Array(Uint32Array.from(CAT).buffer)], CAT);
});

Deno.test("runs of text and of pieces are told apart, also where pieces follow each other", () => {
  const ends: number[] = [];
  for (let at = 0; at < PROMPT.length; at = runEnd(PROMPT, at)) ends.push(runEnd(PROMPT, at));
  assert.deepEqual(ends, [2, 11, 17, 18, 27, 28]);
  const twice = [...CAT, ...CAT];
  assert.equal(runEnd(twice, 0), CAT.length);
});

Deno.test("a prompt is cut around pieces, never within", () => {
  assert.equal(wholeLength(PROMPT, 1), 1);
  assert.equal(wholeLength(PROMPT, 2), 2);
  for (let at = 3; at < 11; at++) assert.equal(wholeLength(PROMPT, at), 2);
  assert.equal(wholeLength(PROMPT, 11), 11);
  assert.equal(wholeLength(PROMPT, 16), 11);
  assert.equal(wholeLength(PROMPT, PROMPT.length), PROMPT.length);
});

Deno.test("a piece has one name wherever it stands, and is not reused where it is too short to tell", () => {
  assert.equal(pieceKey(PROMPT, 2), pieceKey(PROMPT, 18));
  assert.notEqual(pieceKey(PROMPT, 2), pieceKey(PROMPT, 11));
  const short = [1, ...mediaTokens("beep:0", 4), 2];
  assert.equal(tellingLength(short, 6), 1);
  assert.equal(tellingLength(PROMPT, PROMPT.length), PROMPT.length);
});
