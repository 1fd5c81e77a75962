import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import { encode } from "jpeg-js";
import { IMAGES } from "../../../tests/support/images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { decodeJpeg } from "./jpeg.ts";
import { BadMedia } from "./pixels.ts";

/** 16 by 8 pixels: blue on the left, red on the right. */
const WHOLE: Uint8Array = encode({
  width: 16,
  height: 8,
  data: Uint8Array.from({ length: 4 * 16 * 8 }, (_, at) => {
    const isLeft = (at >> 2) % 16 < 8;
    return [isLeft ? 20 : 200, 40, isLeft ? 220 : 30, 255][at % 4]!;
  }),
}, 90).data;

Deno.test("a JPEG is read as red, green and blue", () => {
  const { width, height, rgb } = decodeJpeg(WHOLE, 1e6);
  assert.deepEqual([width, height, rgb.length], [16, 8, 384]);
  const near = (at: number, color: readonly number[]) =>
    color.forEach((value, index) => assert.ok(Math.abs(rgb[at + index]! - value) < 12, `${rgb}`));
  near(0, [20, 40, 220]);
  near(45, [200, 40, 30]);
});

Deno.test("a JPEG is read as other programs write it, also with bytes between its segments", () => {
  for (const format of ["jpeg", "progressive jpeg"] as const) {
    const { width, height, rgb } = decodeJpeg(IMAGES[format], 1e6);
    assert.deepEqual([width, height], [6, 4]);
    const [red, , blue] = rgb;
    assert.ok(blue! - red! > 100, `${format}: blue on the left`);
    assert.ok(rgb[15]! - rgb[17]! > 100, `${format}: red on the right`);
  }
});

Deno.test("a JPEG that is larger than allowed is refused", () => {
  assert.throws(() => decodeJpeg(WHOLE, 20), BadMedia);
});

Deno.test("a cut JPEG is refused in words of ours", () => {
  const cut = IMAGES.jpeg.subarray(0, -20);
  assert.throws(
    () => decodeJpeg(cut, 1e6),
    new BadMedia("is a damaged JPEG file: it ends early, or its parts do not fit"),
  );
});

Deno.test("500 broken JPEG files are refused or read, and nothing else is thrown", () => {
  const random = seededRandom(6);
  const whole = [WHOLE, IMAGES["progressive jpeg"]];
  for (let round = 0; round < 500; round++) {
    const broken = brokenCopy(whole[round % 2]!, random, 2);
    try {
      const { width, height, rgb } = decodeJpeg(broken, 10_000);
      assert.equal(rgb.length, 3 * width * height);
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
    }
  }
});
