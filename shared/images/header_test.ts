import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import fc from "fast-check";
import { bmp, IMAGES } from "../../tests/support/images.ts";
import { readImageHeader } from "./header.ts";

const latin = (text: string) => Buffer.from(text, "latin1");
const be16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const le16 = (value: number) => Buffer.from([value & 255, value >> 8]);
const le24 = (value: number) => Buffer.from([value & 255, value >> 8 & 255, value >> 16]);
const be32 = (value: number) => Buffer.concat([be16(value >>> 16), be16(value & 0xffff)]);
const le32 = (value: number) => Buffer.concat([le16(value & 0xffff), le16(value >>> 16)]);
const bytes = (...parts: (Buffer | string | number)[]) =>
  new Uint8Array(
    Buffer.concat(parts.map((part) =>
      typeof part === "string" ? latin(part) : typeof part === "number" ? Buffer.from([part]) : part
    )),
  );

function png(width: number, height: number): Uint8Array {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([latin(type), data]);
    return Buffer.concat([be32(data.length), body, be32(crc32(body))]);
  };
  const header = Buffer.concat([be32(width), be32(height), Buffer.from([8, 0, 0, 0, 0])]);
  const rows = deflateSync(Buffer.alloc((width + 1) * Math.min(height, 9)));
  return bytes(
    ...["\x89PNG\r\n\x1a\n", chunk("IHDR", header), chunk("IDAT", rows)],
    chunk("IEND", Buffer.alloc(0)),
  );
}

const segment = (marker: number, data: Buffer) =>
  Buffer.concat([Buffer.from([0xff, marker]), be16(data.length + 2), data]);

function jpeg(width: number, height: number, { frame = 0xc0, before = Buffer.alloc(0) } = {}) {
  const frameHeader = Buffer.concat([
    ...[Buffer.from([8]), be16(height), be16(width), Buffer.from([1, 1, 0x11, 0])],
  ]);
  return bytes(
    ...["\xff\xd8", segment(0xe0, latin("JFIF\0\x01\x01\0\0\x01\0\x01\0\0")), before],
    ...[segment(0xdb, Buffer.alloc(65)), segment(frame, frameHeader), "\xff\xda"],
  );
}

const riff = (kind: string, data: Buffer) =>
  bytes("RIFF", le32(data.length + 12), "WEBP", kind, le32(data.length), data);

const lossy = (width: number, height: number) =>
  riff("VP8 ", Buffer.concat([latin("\x30\x01\x00\x9d\x01\x2a"), le16(width), le16(height)]));
const lossless = (width: number, height: number) =>
  riff("VP8L", Buffer.concat([latin("\x2f"), le32((width - 1) | (height - 1) << 14)]));
const extended = (width: number, height: number) =>
  riff("VP8X", Buffer.concat([Buffer.alloc(4), le24(width - 1), le24(height - 1)]));

interface GifShape {
  readonly screen: readonly [number, number];
  readonly image: readonly [left: number, top: number, width: number, height: number];
  readonly colors?: number;
  readonly before?: Buffer;
}

function gif({ screen, image, colors, before = Buffer.alloc(0) }: GifShape): Uint8Array {
  const flags = colors === undefined ? 0 : 0x80 | Math.log2(colors) - 1;
  return bytes(
    ...["GIF89a", le16(screen[0]), le16(screen[1]), flags, 0, 0],
    ...[Buffer.alloc(colors === undefined ? 0 : 3 * colors), before],
    ...[0x2c, ...image.map(le16), 0, 2, 1, 0, 0, ";"],
  );
}

/** A BMP of Windows without its pixels. */
function bmpHeader(width: number, height: number): Uint8Array {
  const file = bmp(1, 1, () => [0, 0, 0]);
  new DataView(file.buffer).setInt32(18, width, true);
  new DataView(file.buffer).setInt32(22, height, true);
  return file;
}

const SIZES = [[1, 1], [3, 2], [640, 480], [16_383, 16_383]] as const;

Deno.test("the size of each format is read", () => {
  for (const [width, height] of SIZES) {
    const size = { width, height };
    assert.deepEqual(readImageHeader(png(width, height)), { format: "png", ...size });
    assert.deepEqual(readImageHeader(jpeg(width, height)), { format: "jpeg", ...size });
    for (const file of [lossy, lossless, extended]) {
      assert.deepEqual(readImageHeader(file(width, height)), { format: "webp", ...size });
    }
    const image = gif({ screen: [width, height], image: [0, 0, width, height] });
    assert.deepEqual(readImageHeader(image), { format: "gif", ...size });
    for (const rows of [height, -height]) {
      assert.deepEqual(readImageHeader(bmpHeader(width, rows)), { format: "bmp", ...size });
    }
    const old = bytes("BM", Buffer.alloc(12), le32(12), le16(width), le16(height), le32(0));
    assert.deepEqual(readImageHeader(old), { format: "bmp", ...size });
  }
  const huge = readImageHeader(png(0xffff_ffff, 1));
  assert.deepEqual(huge, { format: "png", width: 0xffff_ffff, height: 1 });
  const wide = readImageHeader(extended(0x100_0000, 2));
  assert.deepEqual(wide, { format: "webp", width: 0x100_0000, height: 2 });
});

Deno.test("files that programs have written are read", () => {
  for (const [kind, file] of Object.entries(IMAGES)) {
    const told = readImageHeader(file);
    assert.deepEqual(told, { format: kind.split(" ").at(-1), width: 6, height: 4 }, kind);
  }
});

Deno.test("a view of a larger buffer is read from its own first byte", () => {
  const file = png(3, 2);
  const larger = new Uint8Array(file.length + 7);
  larger.set(file, 7);
  assert.deepEqual(readImageHeader(larger.subarray(7)), { format: "png", width: 3, height: 2 });
});

Deno.test("every kind of JPEG frame is read, after any metadata and fill bytes", () => {
  const before = Buffer.concat([
    ...[segment(0xe1, Buffer.alloc(65_000, 0xff)), segment(0xe2, Buffer.alloc(65_000))],
    // An image within the metadata is not the image.
    ...[segment(0xe1, Buffer.from(jpeg(9, 9))), latin("\0\xff\xff\xff")],
    segment(0xc4, Buffer.alloc(30)),
  ]);
  for (const frame of [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc9, 0xca, 0xcf]) {
    const expected = { format: "jpeg", width: 5, height: 4 };
    assert.deepEqual(readImageHeader(jpeg(5, 4, { frame, before })), expected);
  }
});

Deno.test("a GIF has the size of its screen or of its first image, whichever is larger", () => {
  const before = bytes("\x21\xf9\x04\0\0\0\0\0", "\x21\xfe\x03abc\x02de\0");
  const cases: readonly (readonly [GifShape, number, number])[] = [
    [{ screen: [10, 20], image: [0, 0, 4, 4] }, 10, 20],
    [{ screen: [10, 20], image: [8, 0, 4, 30] }, 12, 30],
    [{ screen: [0, 0], image: [0, 0, 4, 5] }, 4, 5],
    [{ screen: [4, 5], image: [0, 0, 4, 5], colors: 256, before: Buffer.from(before) }, 4, 5],
    [{ screen: [4, 5], image: [0, 0, 4, 5], colors: 2 }, 4, 5],
  ];
  for (const [shape, width, height] of cases) {
    assert.deepEqual(readImageHeader(gif(shape)), { format: "gif", width, height });
  }
});

Deno.test("what is no image, or none of these formats, is told as such", () => {
  const others = [
    "",
    "\x89PNG",
    "8BPS",
    "II*\0",
    "<svg/>",
    "RIFF\0\0\0\0WAVEfmt ",
    "%PDF-1.7",
  ];
  for (const text of others) {
    const told = readImageHeader(bytes(text));
    assert.deepEqual(told, { reason: "is not a PNG, JPEG, WebP, GIF or BMP file" }, text);
  }
});

Deno.test("a damaged image, and one without pixels, is told by its format", () => {
  const damaged: readonly (readonly [Uint8Array, RegExp])[] = [
    [bytes("\x89PNG\r\n\x1a\n", be32(4), "CgBI", be32(0), be32(0)), /damaged PNG/],
    [bytes("\xff\xd8\xff\xd9"), /damaged JPEG/],
    [bytes("\xff\xd8\xff\xda", Buffer.from(jpeg(3, 3))), /damaged JPEG/],
    [riff("ALPH", Buffer.alloc(30)), /damaged WebP/],
    [riff("VP8 ", Buffer.alloc(30)), /damaged WebP/],
    [riff("VP8L", Buffer.alloc(30)), /damaged WebP/],
    [bytes("GIF89a", Buffer.alloc(7), ";"), /damaged GIF/],
    [bytes("BM\0\0\0\0"), /damaged BMP/],
    [bmpHeader(-1, 3), /damaged BMP/],
    [bmpHeader(0, 3), /BMP file of 0 × 3 pixels/],
    [png(0, 3), /PNG file of 0 × 3 pixels/],
    [jpeg(3, 0), /JPEG file of 3 × 0 pixels/],
    [lossy(0, 0), /WebP file of 0 × 0 pixels/],
    [gif({ screen: [0, 0], image: [0, 0, 0, 0] }), /GIF file of 0 × 0 pixels/],
  ];
  for (const [file, reason] of damaged) {
    const told = readImageHeader(file);
    assert.ok("reason" in told, JSON.stringify(told));
    assert.match(told.reason, reason);
  }
});

const FILES = [
  ...[png(3, 2), jpeg(3, 2), lossy(3, 2), lossless(3, 2), extended(3, 2)],
  gif({ screen: [3, 2], image: [0, 0, 3, 2], colors: 4 }),
  bmp(3, 2, () => [1, 2, 3]),
];

Deno.test("a file that is cut anywhere has its right size or a reason", () => {
  for (const file of FILES) {
    for (let length = 0; length < file.length; length++) {
      const told = readImageHeader(file.subarray(0, length));
      if ("reason" in told) assert.match(told.reason, /damaged|is not a PNG/);
      else assert.deepEqual([told.width, told.height], [3, 2]);
    }
  }
});

Deno.test("garbage never throws, and has a size or a reason", () => {
  const start = fc.constantFrom(...FILES.map((file) => file.subarray(0, 12)), new Uint8Array());
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
    const told = readImageHeader(bytes(Buffer.from(head), Buffer.from(tail)));
    if ("reason" in told) assert.ok(told.reason.length > 0);
    else assert.ok(told.width >= 1 && told.height >= 1);
  }));
  const changed = fc.tuple(fc.constantFrom(...FILES), fc.nat(100), fc.nat(255));
  fc.assert(fc.property(changed, ([file, at, value]) => {
    const copy = file.slice();
    if (at < copy.length) copy[at] = value;
    const told = readImageHeader(copy);
    assert.ok("reason" in told || Number.isInteger(told.width * told.height));
  }));
});

Deno.test("a large file without a size is read to its end, and has a reason", () => {
  const size = 10 << 20;
  const files = [
    bytes("GIF89a", Buffer.alloc(7), Buffer.alloc(size, "\x21\xfe\0")),
    bytes("\xff\xd8", Buffer.alloc(size, 0xff)),
    bytes("\xff\xd8", Buffer.alloc(size, "\xff\xd0", "latin1")),
    bytes("\xff\xd8\xff", Buffer.alloc(size)),
  ];
  for (const file of files) assert.ok("reason" in readImageHeader(file));
});
