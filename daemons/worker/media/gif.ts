import { BadMedia, type Pixels } from "./pixels.ts";

/** Codes of a picture's colors, at most. */
const MOST_CODES = 4096;
const [PICTURE, EXTENSION, CONTROL] = [0x2c, 0x21, 0xf9];
/** Rows of each pass of an interlaced picture: the first, and the steps. */
const PASSES = [[0, 8], [4, 8], [2, 4], [1, 2]] as const;

/**
 * Decodes the first picture of a GIF file, as llama-server does. Pixels that it leaves transparent are black, and
 * those outside it have the file's background.
 *
 * @param mostPixels Pixels that it may have; its memory is bounded by them.
 * @throws {BadMedia}
 */
export function decodeGif(file: Uint8Array, mostPixels: number): Pixels {
  const reader = new Reader(file, 6);
  const [width, height] = [reader.uint16(), reader.uint16()];
  if (width * height > mostPixels) {
    throw new BadMedia(`has ${width} × ${height} pixels: at most ${mostPixels} are allowed`);
  }
  const flags = reader.byte();
  const background = reader.byte();
  reader.byte();
  const common = readColors(reader, flags);
  const rgb = new Uint8Array(3 * width * height);
  if (background > 0 && common && 3 * background < common.length) {
    const color = common.subarray(3 * background, 3 * background + 3);
    for (let at = 0; at < rgb.length; at += 3) rgb.set(color, at);
  }
  let transparent = -1;
  for (let block = reader.byte(); block !== PICTURE; block = reader.byte()) {
    if (block !== EXTENSION) throw damaged("it has no picture");
    const kind = reader.byte();
    for (let part = reader.block(); part.length > 0; part = reader.block()) {
      if (kind === CONTROL && part.length >= 4) transparent = part[0]! & 1 ? part[3]! : -1;
    }
  }
  const [left, top, columns, rows] = Array.from({ length: 4 }, () => reader.uint16()) as [
    number,
    number,
    number,
    number,
  ];
  if (left + columns > width || top + rows > height) {
    throw damaged("its picture is larger than it says");
  }
  const own = reader.byte();
  const colors = readColors(reader, own) ?? common;
  if (!colors) throw damaged("it has no colors");
  const order = rowOrder(rows, (own & 0x40) !== 0);
  const area = columns * rows;
  let at = 0;
  unpack(reader, area, (index) => {
    const [row, column] = [order[Math.floor(at / columns)]!, at % columns];
    const to = 3 * ((top + row) * width + left + column);
    at++;
    if (index === transparent) rgb.fill(0, to, to + 3);
    else rgb.set(colors.subarray(3 * index, 3 * index + 3), to);
  });
  return { width, height, rgb };
}

/** Rows in the order in which the file has them. */
function rowOrder(rows: number, isInterlaced: boolean): number[] {
  const passes = isInterlaced ? PASSES : [[0, 1]] as const;
  return passes.flatMap(([first, step]) =>
    Array.from(
      { length: Math.max(0, Math.ceil((rows - first) / step)) },
      (_, at) => first + at * step,
    )
  );
}

/** Calls `put` with each pixel's color, no more than `most` times. A file that ends early has fewer. */
function unpack(reader: Reader, most: number, put: (index: number) => void): void {
  const size = reader.byte();
  if (size < 1 || size > 8) throw damaged("its colors are coded as in no GIF");
  const [clear, end] = [1 << size, (1 << size) + 1];
  const [before, last] = [new Uint16Array(MOST_CODES), new Uint8Array(MOST_CODES)];
  const lengths = new Uint16Array(MOST_CODES);
  for (let code = 0; code < clear; code++) [last[code], lengths[code]] = [code, 1];
  const run = new Uint8Array(MOST_CODES + 1);
  let [next, width, previous, left] = [end + 1, size + 1, -1, most];
  let [bits, count] = [0, 0];
  for (let block = reader.block(); block.length > 0; block = reader.block()) {
    for (const byte of block) {
      bits |= byte << count;
      count += 8;
      while (count >= width) {
        const code = bits & (1 << width) - 1;
        bits >>>= width;
        count -= width;
        if (code === end || left === 0) return;
        if (code === clear) {
          [next, width, previous] = [end + 1, size + 1, -1];
          continue;
        }
        if (code > next || code === next && previous < 0) throw damaged("it has an unknown code");
        // A code that is about to be known is the run before, and its first color again.
        const isNew = code === next;
        const from = isNew ? previous : code;
        const length = lengths[from]!;
        let each = from;
        for (let at = length - 1; at >= 0; at--) {
          run[at] = last[each]!;
          each = before[each]!;
        }
        if (isNew) run[length] = run[0]!;
        for (let at = 0; at < length + (isNew ? 1 : 0) && left > 0; at++, left--) put(run[at]!);
        if (previous >= 0 && next < MOST_CODES) {
          [before[next], last[next], lengths[next]] = [previous, run[0]!, lengths[previous]! + 1];
          next++;
        }
        if (next === 1 << width && width < 12) width++;
        previous = code;
      }
    }
  }
}

/** A table of colors, if the flags say that there is one. */
function readColors(reader: Reader, flags: number): Uint8Array | undefined {
  return flags & 0x80 ? reader.bytes(3 << (flags & 7) + 1) : undefined;
}

/** Reads a file from its beginning; what lies behind its end is an error. */
class Reader {
  readonly #file: Uint8Array;
  #at: number;

  constructor(file: Uint8Array, at: number) {
    this.#file = file;
    this.#at = at;
  }

  byte(): number {
    if (this.#at >= this.#file.length) throw damaged("it ends early");
    return this.#file[this.#at++]!;
  }

  uint16(): number {
    return this.byte() | this.byte() << 8;
  }

  bytes(count: number): Uint8Array {
    if (this.#at + count > this.#file.length) throw damaged("it ends early");
    this.#at += count;
    return this.#file.subarray(this.#at - count, this.#at);
  }

  /** Bytes after their count; none: the last block. */
  block(): Uint8Array {
    return this.bytes(this.byte());
  }
}

function damaged(reason: string): BadMedia {
  return new BadMedia(`is a damaged GIF file: ${reason}`);
}
