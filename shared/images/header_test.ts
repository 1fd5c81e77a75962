import assert from "node:assert/strict";
import fc from "fast-check";
import { readImageHeader } from "./header.ts";

const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));
const bytes = (...parts: (string | number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => typeof part === "string" ? ascii(part) : part));

const PNG = bytes("\x89PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", [0, 0, 1, 2, 0, 0, 0, 7], [8, 2]);
const GIF = bytes("GIF89a", [2, 1, 7, 0, 0, 0, 0]);
const riff = (...chunk: (string | number[])[]) => bytes("RIFF", [0, 0, 0, 0], "WEBP", ...chunk);
const size = [0, 0, 0, 0];
const VP8 = riff("VP8 ", size, [0, 0, 0], [0x9d, 0x01, 0x2a], [2, 0x41, 7, 0x80]);
// 257 and 6 in 14 bits each: a lossless size is one less.
const packed = 257 | 6 << 14;
const VP8L = riff("VP8L", size, [0x2f], [0, 8, 16, 24].map((by) => packed >>> by & 255), size, [0]);
const VP8X = riff("VP8X", size, [0, 0, 0, 0], [1, 1, 0], [6, 0, 0]);
const APP0 = [0xff, 0xe0, 0, 4, 0xff, 0xc0];
const SOF2 = [0xff, 0xff, 0xc2, 0, 17, 8, 0, 7, 1, 2, 3];
const JPEG = Uint8Array.from([0xff, 0xd8, ...APP0, ...SOF2]);

Deno.test("format and size of an image are in its header", () => {
  for (
    const [format, image] of [
      ["png", PNG],
      ["gif", GIF],
      ["webp", VP8],
      ["webp", VP8L],
      ["webp", VP8X],
      ["jpeg", JPEG],
    ] as const
  ) assert.deepEqual(readImageHeader(image), { format, width: 258, height: 7 });
});

Deno.test("what is no image says why, wherever it is cut", () => {
  assert.equal(readImageHeader(bytes("hello")), "it is neither PNG, JPEG, WebP nor GIF");
  assert.equal(readImageHeader(new Uint8Array()), "it is neither PNG, JPEG, WebP nor GIF");
  assert.equal(readImageHeader(bytes("<svg/>")), "it is neither PNG, JPEG, WebP nor GIF");
  const empty = PNG.with(18, 0).with(19, 0);
  assert.equal(readImageHeader(empty), "its size is 0");
  assert.match(String(readImageHeader(riff("ALPH", new Array(20).fill(0)))), /first chunk/);
  const scan = Uint8Array.from([0xff, 0xd8, ...APP0, 0xff, 0xda, 0, 8]);
  assert.match(String(readImageHeader(scan)), /before a frame header/);
  for (const image of [PNG.slice(0, 24), GIF.slice(0, 10), VP8, VP8L.slice(0, 30), VP8X, JPEG]) {
    assert.equal(typeof readImageHeader(image), "object");
    for (let length = 0; length < image.length - 2; length++) {
      assert.equal(typeof readImageHeader(image.slice(0, length)), "string");
    }
  }
});

Deno.test("no bytes make the reader fail", () => {
  const starts = [PNG, GIF, VP8, VP8L, VP8X, JPEG].map((image) => image.slice(0, 12));
  fc.assert(
    fc.property(
      fc.constantFrom(...starts, new Uint8Array()),
      fc.uint8Array({ maxLength: 200 }),
      (start, rest) => {
        const header = readImageHeader(Uint8Array.from([...start, ...rest]));
        if (typeof header === "string") assert.ok(header.length > 0);
        else assert.ok(header.width > 0 && header.height > 0);
      },
    ),
    { numRuns: 2000 },
  );
});
