import { readImageHeader } from "#shared/images/header.ts";
import { BadMedia, type Pixels } from "./pixels.ts";

/** Bytes of the file's own header, before that of its picture. */
const FILE_HEADER = 14;
/** Sizes of headers of pictures: that of OS/2, and the least one that has masks of colors. */
const [OLD, WITH_MASKS] = [12, 52];
/** How pixels are stored: plainly, or with the bits of each color given. */
const [PLAIN, MASKS] = [0, 3];
/** Bits of a pixel: up to 8 name a color of the palette. */
const DEPTHS = [1, 4, 8, 16, 24, 32];

interface Header {
  readonly width: number;
  readonly height: number;
  /** Whether the first row is the upper one. */
  readonly isDown: boolean;
  readonly depth: number;
  /** Where the pixels begin, in bytes. */
  readonly start: number;
  readonly palette: Palette;
  /** Bits of red, green and blue in a pixel of 16 or 32. */
  readonly masks: readonly number[];
}

interface Palette {
  readonly at: number;
  readonly count: number;
  /** Bytes of a color. */
  readonly step: number;
}

/**
 * Decodes a BMP file that is not compressed, as llama-server does: without transparency.
 *
 * @param mostPixels Pixels that it may have; its memory is bounded by them.
 * @throws {BadMedia}
 */
export function decodeBmp(file: Uint8Array, mostPixels: number): Pixels {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const header = readHeader(file, view);
  const { width, height, depth, start, isDown } = header;
  if (width * height > mostPixels) {
    throw new BadMedia(`has ${width} × ${height} pixels: at most ${mostPixels} are allowed`);
  }
  // Rows begin at multiples of four bytes.
  const rowBytes = Math.ceil(width * depth / 32) * 4;
  if (start + (height - 1) * rowBytes + Math.ceil(width * depth / 8) > file.length) {
    throw damaged("it ends early");
  }
  const rgb = new Uint8Array(3 * width * height);
  const write = depth <= 8
    ? fromPalette(file, header)
    : depth === 24
    ? plainColors(file)
    : maskedColors(view, header);
  for (let y = 0; y < height; y++) {
    const to = 3 * width * (isDown ? y : height - 1 - y);
    const row = start + y * rowBytes;
    for (let x = 0; x < width; x++) write(row, x, rgb, to + 3 * x);
  }
  return { width, height, rgb };
}

function readHeader(file: Uint8Array, view: DataView): Header {
  const size = readImageHeader(file);
  if ("reason" in size) throw new BadMedia(size.reason);
  const own = view.getUint32(14, true);
  const end = FILE_HEADER + own;
  if (end > file.length) throw damaged("its header is cut");
  const start = view.getUint32(10, true);
  const isOld = own === OLD;
  const depth = view.getUint16(isOld ? 24 : 28, true);
  const kind = isOld ? PLAIN : view.getUint32(30, true);
  if (kind !== PLAIN && kind !== MASKS) {
    throw new BadMedia("is a BMP file whose pixels are compressed: send PNG");
  }
  const hasMasks = kind === MASKS;
  if (!DEPTHS.includes(depth) || hasMasks && depth !== 16 && depth !== 32) {
    throw damaged("its header has values that no BMP has");
  }
  // The oldest of those with masks has them behind its header.
  const masksEnd = FILE_HEADER + Math.max(own, hasMasks ? WITH_MASKS : 0);
  if (start < masksEnd) throw damaged("its pixels do not come behind its header");
  if (masksEnd > file.length) throw damaged("its header is cut");
  const step = isOld ? 3 : 4;
  const count = Math.min(1 << Math.min(depth, 8), Math.floor((start - end) / step));
  return {
    ...{ width: size.width, height: size.height, depth, start },
    isDown: !isOld && view.getInt32(22, true) < 0,
    palette: { at: end, count, step },
    masks: hasMasks
      ? [54, 58, 62].map((at) => view.getUint32(at, true))
      : depth === 16
      ? [31 << 10, 31 << 5, 31]
      : [0xff_0000, 0xff00, 0xff],
  };
}

/** Writes a pixel of a row that begins at `row`. */
type Write = (row: number, x: number, rgb: Uint8Array, to: number) => void;

function fromPalette(file: Uint8Array, { depth, palette: { at, count, step } }: Header): Write {
  if (at + count * step > file.length) throw damaged("its palette is cut");
  return (row, x, rgb, to) => {
    const bit = x * depth;
    const index = file[row + (bit >> 3)]! >> (8 - depth - (bit & 7)) & (1 << depth) - 1;
    if (index >= count) throw damaged("a pixel has a color that it does not define");
    writeReversed(file, at + index * step, rgb, to);
  };
}

function plainColors(file: Uint8Array): Write {
  return (row, x, rgb, to) => writeReversed(file, row + 3 * x, rgb, to);
}

/** Colors are blue, green and red. */
function writeReversed(file: Uint8Array, from: number, rgb: Uint8Array, to: number): void {
  rgb[to] = file[from + 2]!;
  rgb[to + 1] = file[from + 1]!;
  rgb[to + 2] = file[from]!;
}

function maskedColors(view: DataView, { depth, masks }: Header): Write {
  const colors = masks.map((mask) => {
    const low = 31 - Math.clz32(mask & -mask);
    const bits = 32 - Math.clz32(mask) - low;
    const isRun = mask !== 0 && mask >>> low === 2 ** bits - 1;
    if (!isRun || bits > 8) throw damaged("its colors are of no known kind");
    const most = 2 ** bits - 1;
    return { low, most, levels: Uint8Array.from({ length: most + 1 }, (_, at) => level(at, bits)) };
  });
  return (row, x, rgb, to) => {
    const value = depth === 16
      ? view.getUint16(row + 2 * x, true)
      : view.getUint32(row + 4 * x, true);
    for (let color = 0; color < 3; color++) {
      const { low, most, levels } = colors[color]!;
      rgb[to + color] = levels[value >>> low & most]!;
    }
  };
}

/** A value of few bits as one of 8: its bits again and again. */
function level(value: number, bits: number): number {
  let made = 0;
  for (let at = 8 - bits; at > -bits; at -= bits) made |= at >= 0 ? value << at : value >> -at;
  return made;
}

function damaged(reason: string): BadMedia {
  return new BadMedia(`is a damaged BMP file: ${reason}`);
}
