import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import {
  BLUE_AND_RED,
  bmp,
  type BmpKind,
  type Color,
  IMAGES,
  png,
} from "../../../tests/support/images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { decodeBmp } from "./bmp.ts";
import { BadMedia } from "./pixels.ts";
import { decodePng } from "./png.ts";

const KINDS: readonly BmpKind[] = [
  ...[1, 4, 8, 16, 24, 32].map((depth) => ({ depth })),
  { depth: 32, masks: [0xff, 0xff00, 0xff_0000] },
  { depth: 32, masks: [0xff00_0000, 0xff_0000, 0xff00] },
  { depth: 16, masks: [31 << 11, 63 << 5, 31] },
  { depth: 16, masks: [15 << 8, 15 << 4, 15] },
];

Deno.test("a BMP has the pixels of the same picture as PNG", () => {
  assert.deepEqual(decodeBmp(IMAGES.bmp, 100), decodePng(BLUE_AND_RED, 100));
});

Deno.test("BMPs of all sizes and kinds are read, from the upper or the lower row on", () => {
  const random = seededRandom(14);
  const upTo = (most: number) => Math.floor(random() * most);
  for (let round = 0; round < 120; round++) {
    const [width, height] = [1 + upTo(40), 1 + upTo(40)];
    const kind = { ...KINDS[round % KINDS.length]!, isDown: random() < 0.5 };
    // Colors that every kind has exactly.
    const colors = Array.from({ length: 2 }, (): Color => {
      const any = () => upTo(2) * 255;
      return [any(), any(), any()];
    });
    const pixels = Array.from({ length: width * height }, () => colors[upTo(2)]!);
    const at = (x: number, y: number) => pixels[y * width + x]!;
    assert.deepEqual(
      decodeBmp(bmp(width, height, at, kind), 1600),
      decodePng(png(width, height, at), 1600),
      JSON.stringify({ width, height, ...kind }),
    );
  }
});

Deno.test("colors of fewer than 8 bits go from 0 to 255", () => {
  const gray = (x: number): Color => [x * 255 / 31, x * 255 / 31, x * 255 / 31];
  const { rgb } = decodeBmp(bmp(32, 1, gray, { depth: 16 }), 100);
  const levels = Array.from({ length: 32 }, (_, x) => rgb[3 * x]!);
  levels.forEach((level, x) => assert.ok(Math.abs(level - x * 255 / 31) < 1, `${x}: ${level}`));
  assert.deepEqual([levels[0], levels[31]], [0, 255]);
});

Deno.test("a BMP that is too large, compressed, cut or without its colors is refused", () => {
  assert.throws(() => decodeBmp(IMAGES.bmp, 20), /6 × 4 pixels: at most 20/);
  const changed = (at: number, ...bytes: number[]) => {
    const file = Uint8Array.from(IMAGES.bmp);
    file.set(bytes, at);
    return () => decodeBmp(file, 10_000);
  };
  assert.throws(changed(30, 1), /compressed: send PNG/);
  assert.throws(changed(28, 7), /values that no BMP has/);
  assert.throws(changed(10, 0), /pixels do not come behind its header/);
  assert.throws(changed(22, 5), /ends early/);
  assert.throws(() => decodeBmp(IMAGES.bmp.subarray(0, -1 - 2), 100), /ends early/);
  const flat = bmp(2, 1, (x) => [x, 0, 0], { depth: 8 });
  // Its pixels begin behind the first color of its palette: 58 is the second one, blue first.
  new DataView(flat.buffer).setUint32(10, 58, true);
  flat[58] = 9;
  assert.throws(() => decodeBmp(flat, 100), /a color that it does not define/);
});

Deno.test("1000 broken BMP files are refused or read, and nothing else is thrown", () => {
  const random = seededRandom(15);
  const whole = KINDS.map((kind) => bmp(7, 5, (x) => [x < 3 ? 0 : 255, 0, 255], kind));
  for (let round = 0; round < 1000; round++) {
    const file = whole[round % whole.length]!;
    // Most of what counts stands at its beginning.
    const broken = brokenCopy(round % 3 ? file : file.subarray(0, 66), random, 2);
    try {
      const { width, height, rgb } = decodeBmp(broken, 10_000);
      assert.equal(rgb.length, 3 * width * height);
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
    }
  }
});
