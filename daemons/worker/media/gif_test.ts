import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import { BLUE_AND_RED, gif, IMAGES } from "../../../tests/support/images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { decodeGif } from "./gif.ts";
import { BadMedia } from "./pixels.ts";
import { decodePng } from "./png.ts";

Deno.test("a GIF has the pixels of the same picture as PNG", () => {
  assert.deepEqual(decodeGif(IMAGES.gif, 100), decodePng(BLUE_AND_RED, 100));
});

Deno.test("GIFs of all sizes are read, interlaced or not", () => {
  const random = seededRandom(8);
  const upTo = (most: number) => Math.floor(random() * most);
  for (let round = 0; round < 60; round++) {
    const [width, height] = [1 + upTo(70), 1 + upTo(70)];
    const colors = Array.from({ length: 2 << upTo(8) }, () => [upTo(256), upTo(256), upTo(256)]);
    // Long runs fill the table of codes in other ways than noise does.
    const noise = random() < 0.5 ? 1 : 0.02;
    let last = 0;
    const pixels = Array.from(
      { length: width * height },
      () => last = random() < noise ? upTo(colors.length) : last,
    );
    const file = gif(width, height, colors, pixels, { isInterlaced: round % 2 === 1 });
    const { rgb } = decodeGif(file, width * height);
    assert.deepEqual([...rgb], pixels.flatMap((color) => colors[color]!), `round ${round}`);
  }
});

Deno.test("a GIF that is larger than allowed is refused", () => {
  assert.throws(() => decodeGif(IMAGES.gif, 20), BadMedia);
});

Deno.test("500 broken GIF files are refused or read, and nothing else is thrown", () => {
  const random = seededRandom(9);
  for (let round = 0; round < 500; round++) {
    const broken = brokenCopy(IMAGES.gif, random, 6);
    try {
      const { width, height, rgb } = decodeGif(broken, 10_000);
      assert.equal(rgb.length, 3 * width * height);
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
    }
  }
});
