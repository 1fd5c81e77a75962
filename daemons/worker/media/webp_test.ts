import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import { BLUE_AND_RED, IMAGES } from "../../../tests/support/images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { BadMedia } from "./pixels.ts";
import { decodePng } from "./png.ts";
import { decodeWebp } from "./webp.ts";

Deno.test("a lossless WebP has the pixels of the same picture as PNG", async () => {
  assert.deepEqual(await decodeWebp(IMAGES["lossless webp"], 100), decodePng(BLUE_AND_RED, 100));
});

Deno.test("a lossy WebP is read, also with metadata", async () => {
  const lossy = await decodeWebp(IMAGES["lossy webp"], 100);
  assert.deepEqual([lossy.width, lossy.height, lossy.rgb.length], [6, 4, 72]);
  const sharp = decodePng(BLUE_AND_RED, 100).rgb;
  // Colors of neighbours run into each other, but not as far as the corners.
  for (const at of [0, 15]) {
    const [own, wanted] = [lossy.rgb, sharp].map((rgb) => rgb.subarray(at, at + 3));
    wanted!.forEach((value, color) => assert.ok(Math.abs(value - own![color]!) < 10, `${own}`));
  }
  assert.deepEqual(await decodeWebp(IMAGES["extended webp"], 100), lossy);
});

Deno.test("a WebP that is larger than allowed is refused, also where only the picture in it is", async () => {
  await assert.rejects(decodeWebp(IMAGES["lossless webp"], 20), BadMedia);
  const extended = Uint8Array.from(IMAGES["extended webp"]);
  // The header of the lossy picture: 16 383 pixels wide and high, in a file that says 6 by 4.
  extended.set([0xff, 0x3f, 0xff, 0x3f], 30 + 14);
  await assert.rejects(decodeWebp(extended, 1000), /16383 × 16383/);
});

Deno.test("an animated WebP is refused as that", async () => {
  const header = Uint8Array.from(IMAGES["extended webp"]).subarray(0, 30);
  const file = new Uint8Array(30 + 14);
  file.set(header);
  file[20] = 2;
  file.set([..."ANIM"].map((char) => char.charCodeAt(0)), 30);
  file[34] = 6;
  await assert.rejects(decodeWebp(file, 1000), /animation/);
});

Deno.test("100 broken WebP files are refused or read, and nothing else is thrown", async () => {
  const random = seededRandom(10);
  const whole = [IMAGES["lossy webp"], IMAGES["lossless webp"], IMAGES["extended webp"]];
  for (let round = 0; round < 100; round++) {
    const broken = brokenCopy(whole[round % whole.length]!, random, 12);
    try {
      const { width, height, rgb } = await decodeWebp(broken, 10_000);
      assert.equal(rgb.length, 3 * width * height);
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
    }
  }
});
