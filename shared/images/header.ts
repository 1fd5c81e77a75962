/**
 * The format and size of an image, from its header: nothing is decoded, so that a small file that
 * unpacks to a huge image is refused before it costs anything.
 *
 * @module
 */

/** The formats that are read. As MIME type: `image/` and this. */
export type ImageFormat = "png" | "jpeg" | "webp" | "gif" | "bmp";

/** What an image's header tells. */
export interface ImageHeader {
  readonly format: ImageFormat;
  /** In pixels, from 1. */
  readonly width: number;
  readonly height: number;
}

/** Why a header cannot be read, as the end of a sentence whose subject is the image. */
export interface NoImageHeader {
  readonly reason: string;
}

/** Width and height; undefined if the bytes end before them or are damaged. */
type Size = readonly [width: number, height: number] | undefined;

interface Reader {
  readonly name: string;
  readonly isFormat: (bytes: Uint8Array) => boolean;
  readonly size: (view: DataView) => Size;
}

const READERS: Readonly<Record<ImageFormat, Reader>> = {
  png: {
    name: "PNG",
    isFormat: (bytes) => startsWith(bytes, 0, "\x89PNG\r\n\x1a\n"),
    size: pngSize,
  },
  jpeg: { name: "JPEG", isFormat: (bytes) => startsWith(bytes, 0, "\xff\xd8\xff"), size: jpegSize },
  webp: {
    name: "WebP",
    isFormat: (bytes) => startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WEBP"),
    size: webpSize,
  },
  gif: {
    name: "GIF",
    isFormat: (bytes) => startsWith(bytes, 0, "GIF87a") || startsWith(bytes, 0, "GIF89a"),
    size: gifSize,
  },
  bmp: { name: "BMP", isFormat: (bytes) => startsWith(bytes, 0, "BM"), size: bmpSize },
};

/**
 * Reads the header of an image. It takes time in proportion to the bytes at most, and never throws.
 *
 * @param bytes The whole file: in a JPEG or a GIF, much may stand before the size.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | NoImageHeader {
  for (const [format, reader] of Object.entries(READERS) as [ImageFormat, Reader][]) {
    if (!reader.isFormat(bytes)) continue;
    const size = reader.size(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (!size) {
      return { reason: `is a damaged ${reader.name} file: its size cannot be read` };
    }
    const [width, height] = size;
    if (width === 0 || height === 0) {
      return { reason: `is a ${reader.name} file of ${width} × ${height} pixels` };
    }
    return { format, width, height };
  }
  return { reason: "is not a PNG, JPEG, WebP, GIF or BMP file" };
}

/** The first chunk has the size. */
function pngSize(view: DataView): Size {
  if (view.byteLength < 24 || !hasText(view, 12, "IHDR")) return undefined;
  return [view.getUint32(16), view.getUint32(20)];
}

/** A frame's header has the size; segments of metadata may stand before it. */
function jpegSize(view: DataView): Size {
  for (let at = 2; at + 1 < view.byteLength;) {
    const marker = view.getUint8(at + 1);
    // Decoders pass over bytes between segments, and over 0xFF before a marker.
    if (view.getUint8(at) !== 0xff || marker === 0xff || marker === 0) at++;
    else if (isAlone(marker)) at += 2;
    else if (marker === END || marker === SCAN || at + 3 >= view.byteLength) return undefined;
    else if (isFrame(marker)) {
      return at + 8 < view.byteLength
        ? [view.getUint16(at + 7), view.getUint16(at + 5)]
        : undefined;
    } else at += 2 + Math.max(2, view.getUint16(at + 2));
  }
  return undefined;
}

const END = 0xd9;
const SCAN = 0xda;

/** Markers without a segment: TEM, the restarts and the start. */
function isAlone(marker: number): boolean {
  return marker === 0x01 || marker >= 0xd0 && marker <= 0xd8;
}

/** SOF0 to SOF15, without DHT, JPG and DAC, which stand among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** The first chunk is of one of three kinds: lossy, lossless, or extended. */
function webpSize(view: DataView): Size {
  if (hasText(view, 12, "VP8 ") && view.byteLength >= 30) {
    const isKeyFrame = (view.getUint8(20) & 1) === 0;
    if (!isKeyFrame || view.getUint16(23) !== 0x9d01 || view.getUint8(25) !== 0x2a) {
      return undefined;
    }
    return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  }
  if (hasText(view, 12, "VP8L") && view.byteLength >= 25) {
    if (view.getUint8(20) !== 0x2f) return undefined;
    const bits = view.getUint32(21, true);
    return [(bits & 0x3fff) + 1, (bits >>> 14 & 0x3fff) + 1];
  }
  if (hasText(view, 12, "VP8X") && view.byteLength >= 30) {
    const uint24 = (at: number) => view.getUint16(at, true) | view.getUint8(at + 2) << 16;
    return [uint24(24) + 1, uint24(27) + 1];
  }
  return undefined;
}

/**
 * The screen, or the first image where that is larger: decoders make either. Extensions may stand
 * before the image.
 */
function gifSize(view: DataView): Size {
  if (view.byteLength < 13) return undefined;
  let at = 13 + colorTable(view.getUint8(10));
  while (at < view.byteLength) {
    const block = view.getUint8(at);
    if (block === PICTURE) {
      if (at + 9 >= view.byteLength) return undefined;
      const uint16 = (offset: number) => view.getUint16(offset, true);
      return [
        Math.max(uint16(6), uint16(at + 1) + uint16(at + 5)),
        Math.max(uint16(8), uint16(at + 3) + uint16(at + 7)),
      ];
    }
    if (block !== EXTENSION) return undefined;
    at += 2;
    while (at < view.byteLength && view.getUint8(at) !== 0) at += 1 + view.getUint8(at);
    at++;
  }
  return undefined;
}

/** Two kinds of header: OS/2's is the shorter one. A picture that begins with its upper row has a negative height. */
function bmpSize(view: DataView): Size {
  if (view.byteLength < 26) return undefined;
  const header = view.getUint32(14, true);
  if (header === 12) return [view.getUint16(18, true), view.getUint16(20, true)];
  if (header < 40) return undefined;
  const width = view.getInt32(18, true);
  return width < 0 ? undefined : [width, Math.abs(view.getInt32(22, true))];
}

const PICTURE = 0x2c;
const EXTENSION = 0x21;

/** Bytes of a color table. */
function colorTable(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 << (flags & 7) + 1;
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  return [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0));
}

function hasText(view: DataView, at: number, text: string): boolean {
  return startsWith(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), at, text);
}
