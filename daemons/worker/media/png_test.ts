import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import { png } from "../../../tests/support/images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { BadMedia } from "./pixels.ts";
import { decodePng } from "./png.ts";

const MOST = 1_000_000;

function chunk(kind: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A file of rows as they are packed, each with its filter. */
function file(
  { width, height, depth, colors, interlace = 0, rows, palette }: {
    width: number;
    height: number;
    depth: number;
    colors: number;
    interlace?: number;
    rows: readonly number[];
    palette?: readonly number[];
  },
): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colors, 0, 0, interlace], 8);
  return Uint8Array.from(Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    ...palette ? [chunk("PLTE", Uint8Array.from(palette))] : [],
    chunk("tEXt", Buffer.from("a\0b")),
    chunk("IDAT", deflateSync(Uint8Array.from(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]));
}

const rgbOf = (bytes: Uint8Array) => [...decodePng(bytes, MOST).rgb];

Deno.test("colors are read as they are, in rows", () => {
  const read = decodePng(png(3, 2, (x, y) => [x, y, 7]), MOST);
  assert.deepEqual([read.width, read.height], [3, 2]);
  assert.deepEqual([...read.rgb], [0, 0, 7, 1, 0, 7, 2, 0, 7, 0, 1, 7, 1, 1, 7, 2, 1, 7]);
});

Deno.test("every filter is undone", () => {
  const rgb = { depth: 8, colors: 2, width: 2, height: 2 };
  const first = [0, 10, 20, 30, 40, 50, 60];
  assert.deepEqual(rgbOf(file({ ...rgb, height: 1, rows: [1, 10, 20, 30, 1, 1, 255] })), [
    ...[10, 20, 30, 11, 21, 29],
  ]);
  const second = (row: readonly number[]) =>
    rgbOf(file({ ...rgb, rows: [...first, ...row] })).slice(6);
  assert.deepEqual(second([2, 1, 1, 1, 1, 1, 1]), [11, 21, 31, 41, 51, 61]);
  assert.deepEqual(second([3, 1, 1, 1, 1, 1, 1]), [6, 11, 16, 24, 31, 39]);
  assert.deepEqual(second([4, 1, 1, 1, 1, 1, 1]), [11, 21, 31, 41, 51, 61]);
});

Deno.test("gray, palettes, 16 bits and transparency become red, green and blue", () => {
  const one = { width: 2, height: 1 };
  const gray = (depth: number, ...rows: number[]) =>
    rgbOf(file({ ...one, depth, colors: 0, rows }));
  assert.deepEqual(gray(1, 0, 0b01000000), [0, 0, 0, 255, 255, 255]);
  assert.deepEqual(gray(2, 0, 0b01100000), [85, 85, 85, 170, 170, 170]);
  assert.deepEqual(gray(4, 0, 0x1f), [17, 17, 17, 255, 255, 255]);
  assert.deepEqual(gray(16, 0, 1, 200, 9, 0), [1, 1, 1, 9, 9, 9]);
  const alpha = file({ ...one, depth: 8, colors: 6, rows: [0, 1, 2, 3, 0, 4, 5, 6, 255] });
  assert.deepEqual(rgbOf(alpha), [1, 2, 3, 4, 5, 6]);
  const grayAlpha = file({ ...one, depth: 8, colors: 4, rows: [0, 1, 0, 4, 255] });
  assert.deepEqual(rgbOf(grayAlpha), [1, 1, 1, 4, 4, 4]);
  const indexed = { ...one, depth: 4, colors: 3, palette: [1, 2, 3, 4, 5, 6] };
  assert.deepEqual(rgbOf(file({ ...indexed, rows: [0, 0x10] })), [4, 5, 6, 1, 2, 3]);
  assert.throws(
    () => rgbOf(file({ ...indexed, rows: [0, 0x1f] })),
    /color that it does not define/,
  );
});

Deno.test("an interlaced image has the pixels of the same without", () => {
  const size = 5;
  const value = (x: number, y: number) => 40 * x + y;
  const rows: number[] = [];
  const passes = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [
    1,
    0,
    2,
    2,
  ]];
  for (
    const [left, top, right, down] of [...passes, [0, 1, 1, 2]] as [
      number,
      number,
      number,
      number,
    ][]
  ) {
    for (let y = top; y < size; y += down) {
      if (left >= size) continue;
      rows.push(0);
      for (let x = left; x < size; x += right) rows.push(value(x, y));
    }
  }
  const read = rgbOf(file({ width: size, height: size, depth: 8, colors: 0, interlace: 1, rows }));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) assert.equal(read[3 * (y * size + x)], value(x, y));
  }
});

Deno.test("a picture that is too large is refused before it is unpacked, and unpacks to no more than it says", () => {
  const huge = file({ width: 60_000, height: 60_000, depth: 8, colors: 2, rows: [0] });
  assert.throws(() => decodePng(huge, MOST), /60000 × 60000 pixels: at most 1000000/);
  const bomb = file({ width: 1, height: 1, depth: 8, colors: 0, rows: Array(100_000).fill(0) });
  assert.throws(() => decodePng(bomb, MOST), /more than its pixels/);
  assert.throws(
    () => rgbOf(file({ width: 2, height: 2, depth: 8, colors: 0, rows: [0, 1, 2] })),
    BadMedia,
  );
});

Deno.test("500 broken files are refused or read, and nothing else is thrown", () => {
  const random = seededRandom(5);
  const whole = [
    png(24, 16, (x, y) => [x * 9, y * 11, x * y]),
    file({ width: 8, height: 1, depth: 1, colors: 3, palette: [1, 2, 3], rows: [0, 0] }),
  ];
  let refused = 0;
  for (let round = 0; round < 500; round++) {
    const broken = brokenCopy(whole[round % 2]!, random, 8);
    try {
      decodePng(broken, 10_000);
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
      refused++;
    }
  }
  assert.ok(refused > 250, `${refused} were refused`);
});
