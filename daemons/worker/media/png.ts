import { inflateSync } from "node:zlib";
import { BadMedia, type Pixels } from "./pixels.ts";

/** What the header says. */
interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colors: number;
  readonly isInterlaced: boolean;
}

/** Values of a pixel for each kind of colors: gray, RGB, palette, gray and alpha, RGB and alpha. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Bits of a value that each kind may have. */
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  ...{ 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] },
};
const PALETTE = 3;

/** Where the pixels of each pass of an interlaced image lie: first column and row, and the steps. */
const PASSES = [
  ...[[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2]],
  [0, 1, 1, 2],
] as const;

/**
 * Decodes a PNG file as llama-server does: without transparency, 16 bits as their upper 8, and without
 * checks of sums.
 *
 * @param mostPixels Pixels that it may have; its memory is bounded by them.
 * @throws {BadMedia}
 */
export function decodePng(file: Uint8Array, mostPixels: number): Pixels {
  const { header, palette, packed } = readChunks(file);
  const { width, height, isInterlaced } = header;
  if (width * height > mostPixels) {
    throw new BadMedia(`has ${width} × ${height} pixels: at most ${mostPixels} are allowed`);
  }
  const passes = isInterlaced ? PASSES : [[0, 0, 1, 1]] as const;
  const parts = passes.map(([left, top, right, down]) => ({
    ...{ left, top, right, down },
    width: Math.max(0, Math.ceil((width - left) / right)),
    height: Math.max(0, Math.ceil((height - top) / down)),
  })).filter((part) => part.width > 0 && part.height > 0);
  const bits = header.depth * CHANNELS[header.colors]!;
  const rowBytes = (columns: number) => Math.ceil(columns * bits / 8);
  const wanted = parts.reduce((sum, part) => sum + part.height * (1 + rowBytes(part.width)), 0);
  const rows = inflated(packed, wanted);
  const rgb = new Uint8Array(3 * width * height);
  let at = 0;
  for (const part of parts) {
    const bytes = rowBytes(part.width);
    let before: Uint8Array = new Uint8Array(bytes);
    for (let y = 0; y < part.height; y++) {
      const row = rows.subarray(at + 1, at + 1 + bytes);
      unfilter(rows[at]!, row, before, Math.max(1, bits >> 3));
      const start = (part.top + y * part.down) * width + part.left;
      writeRow(row, header, palette, part.width, rgb, start, part.right);
      before = row;
      at += 1 + bytes;
    }
  }
  return { width, height, rgb };
}

/** Reads the chunks that decide the pixels. */
function readChunks(file: Uint8Array) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  for (let at = 8; at + 8 <= file.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const content = file.subarray(at + 8, at + 8 + length);
    if (content.length < length) throw damaged("it ends early");
    if (!header && kind !== "IHDR") throw damaged("its header does not come first");
    if (kind === "IHDR") header = readHeader(content);
    else if (kind === "PLTE") palette = content;
    else if (kind === "IDAT") data.push(content);
    else if (kind === "IEND") break;
    else if (/^[A-Z]/.test(kind)) throw damaged(`a part of it is of an unknown kind`);
    at += 12 + length;
  }
  if (!header || data.length === 0) throw damaged("it has no pixels");
  if (header.colors === PALETTE && !palette) throw damaged("it has no palette");
  return { header, palette, packed: data };
}

function readHeader(content: Uint8Array): Header {
  if (content.length !== 13) throw damaged("its header is cut");
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colors, method, filter, interlace] = content.subarray(8) as unknown as number[];
  if (width === 0 || height === 0) throw damaged("it has no pixels");
  const isKnown = DEPTHS[colors!]?.includes(depth!) && method === 0 && filter === 0;
  if (!isKnown || interlace! > 1) throw damaged("its header has values that no PNG has");
  return { width, height, depth: depth!, colors: colors!, isInterlaced: interlace === 1 };
}

/** Unpacks what the rows need, and no more. */
function inflated(packed: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(packed.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of packed) {
    whole.set(part, at);
    at += part.length;
  }
  let rows: Uint8Array;
  try {
    rows = inflateSync(whole, { maxOutputLength: bytes + 1024 });
  } catch (error) {
    const isLarger = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    throw damaged(isLarger ? "it has more than its pixels" : "its pixels cannot be unpacked");
  }
  if (rows.length < bytes) throw damaged("pixels are missing");
  return rows;
}

/** Undoes the filter of a row, in place. */
function unfilter(filter: number, row: Uint8Array, above: Uint8Array, step: number): void {
  const { length } = row;
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let at = step; at < length; at++) row[at]! += row[at - step]!;
      return;
    case 2:
      for (let at = 0; at < length; at++) row[at]! += above[at]!;
      return;
    case 3:
      for (let at = 0; at < length; at++) {
        row[at]! += ((at < step ? 0 : row[at - step]!) + above[at]!) >> 1;
      }
      return;
    case 4:
      for (let at = 0; at < length; at++) {
        const [left, up, corner] = at < step
          ? [0, above[at]!, 0]
          : [row[at - step]!, above[at]!, above[at - step]!];
        row[at]! += nearest(left, up, corner);
      }
      return;
    default:
      throw damaged("a row has a filter that no PNG has");
  }
}

/** The one of three neighbours that is nearest to left + up - corner. */
function nearest(left: number, up: number, corner: number): number {
  const [byLeft, byUp] = [Math.abs(up - corner), Math.abs(left - corner)];
  const byCorner = Math.abs(left + up - 2 * corner);
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

/** Writes a row's pixels, from `start` on and each `step` pixels after the one before. */
function writeRow(
  row: Uint8Array,
  { depth, colors }: Header,
  palette: Uint8Array | undefined,
  columns: number,
  rgb: Uint8Array,
  start: number,
  step: number,
): void {
  const channels = CHANNELS[colors]!;
  const isColored = channels >= 3;
  const most = (1 << depth) - 1;
  for (let x = 0; x < columns; x++) {
    const to = 3 * (start + x * step);
    if (colors === PALETTE) {
      const index = 3 * valueAt(row, x, depth);
      if (index + 2 >= palette!.length) {
        throw damaged("a pixel has a color that it does not define");
      }
      rgb.set(palette!.subarray(index, index + 3), to);
      continue;
    }
    for (let color = 0; color < 3; color++) {
      const value = valueAt(row, x * channels + (isColored ? color : 0), depth);
      rgb[to + color] = depth === 16 ? value >> 8 : value * (255 / most);
    }
  }
}

function valueAt(row: Uint8Array, index: number, depth: number): number {
  if (depth === 8) return row[index]!;
  if (depth === 16) return row[2 * index]! << 8 | row[2 * index + 1]!;
  const bit = index * depth;
  return row[bit >> 3]! >> (8 - depth - (bit & 7)) & (1 << depth) - 1;
}

function damaged(why: string): BadMedia {
  return new BadMedia(`is a damaged PNG file: ${why}`);
}
