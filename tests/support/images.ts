import { crc32, deflateSync } from "node:zlib";

/** A color of a pixel: red, green and blue, each from 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

/** The PNG file of an image. */
export function png(
  width: number,
  height: number,
  color: (x: number, y: number) => Color,
): Uint8Array<ArrayBuffer> {
  // Each row begins with its filter, none.
  const rows = new Uint8Array(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(color(x, y), y * (1 + 3 * width) + 1 + 3 * x);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // 8 bits, red, green and blue.
  header.set([8, 2], 8);
  return joined([
    Uint8Array.of(0x89, ...ascii("PNG\r\n"), 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array()),
  ]);
}

/**
 * The GIF file of an image.
 *
 * @param colors From 2 to 256, a power of 2.
 * @param pixels A color's number each, row by row.
 */
export function gif(
  width: number,
  height: number,
  colors: readonly (readonly number[])[],
  pixels: readonly number[],
  { isInterlaced = false }: { readonly isInterlaced?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const bits = Math.max(1, Math.ceil(Math.log2(colors.length)));
  const [low, high] = [(value: number) => value & 255, (value: number) => value >> 8];
  const size = [low(width), high(width), low(height), high(height)];
  const rows = isInterlaced
    ? [[0, 8], [4, 8], [2, 4], [1, 2]].flatMap(([first, step]) =>
      Array.from({ length: height }, (_, row) => row).filter((row) =>
        (row - first!) % step! === 0 && row >= first!
      )
    )
    : Array.from({ length: height }, (_, row) => row);
  const data = packed(
    rows.flatMap((row) => pixels.slice(row * width, (row + 1) * width)),
    Math.max(2, bits),
  );
  const blocks = Array.from({ length: Math.ceil(data.length / 255) }, (_, at) => {
    const part = data.slice(at * 255, at * 255 + 255);
    return [part.length, ...part];
  });
  return Uint8Array.from([
    ...[...ascii("GIF89a"), ...size, 0x80 | bits - 1, 0, 0, ...colors.flat()],
    ...[0x2c, 0, 0, 0, 0, ...size, isInterlaced ? 0x40 : 0, Math.max(2, bits)],
    ...[...blocks.flat(), 0, 0x3b],
  ]);
}

/** How a BMP file is written. */
export interface BmpKind {
  /** Bits of a pixel: 1, 4 or 8 of a palette, 16, 24 or 32. */
  readonly depth?: number;
  /** Whether its first row is the upper one. */
  readonly isDown?: boolean;
  /** Bits of red, green and blue, for 16 or 32. */
  readonly masks?: readonly number[];
}

/** The BMP file of an image. Its palette, if it has one, has the colors in the order in which they come. */
export function bmp(
  width: number,
  height: number,
  color: (x: number, y: number) => Color,
  { depth = 24, isDown = false, masks }: BmpKind = {},
): Uint8Array<ArrayBuffer> {
  const rowBytes = Math.ceil(width * depth / 32) * 4;
  const start = 54 + (masks ? 12 : 0) + (depth <= 8 ? 4 << depth : 0);
  const file = new Uint8Array(start + height * rowBytes);
  const view = new DataView(file.buffer);
  file.set(ascii("BM"));
  view.setUint32(2, file.length, true);
  view.setUint32(10, start, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, isDown ? -height : height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, depth, true);
  view.setUint32(30, masks ? 3 : 0, true);
  masks?.forEach((mask, at) => view.setUint32(54 + 4 * at, mask, true));
  const bits = masks ?? (depth === 16 ? [31 << 10, 31 << 5, 31] : [0xff_0000, 0xff00, 0xff]);
  const palette: string[] = [];
  for (let y = 0; y < height; y++) {
    const row = start + rowBytes * (isDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      const [red, green, blue] = color(x, y);
      if (depth <= 8) {
        const name = [red, green, blue].join();
        if (!palette.includes(name)) {
          file.set([blue, green, red], 54 + 4 * palette.length);
          palette.push(name);
        }
        const bit = x * depth;
        file[row + (bit >> 3)]! |= palette.indexOf(name) << (8 - depth - (bit & 7));
      } else if (depth === 24) file.set([blue, green, red], row + 3 * x);
      else {
        const value = [red, green, blue].reduce((sum, each, at) => {
          const low = 31 - Math.clz32(bits[at]! & -bits[at]!);
          return sum + Math.round(each / 255 * (bits[at]! >>> low)) * 2 ** low;
        }, 0);
        if (depth === 16) view.setUint16(row + 2 * x, value, true);
        else view.setUint32(row + 4 * x, value, true);
      }
    }
  }
  return file;
}

/** Colors as GIF packs them: in codes of growing width for runs that came before. */
function packed(colors: readonly number[], bits: number): number[] {
  const bytes: number[] = [];
  let [rest, count] = [0, 0];
  const [clear, end] = [1 << bits, (1 << bits) + 1];
  let codes = new Map<string, number>();
  let [next, width] = [end + 1, bits + 1];
  const write = (code: number) => {
    rest |= code << count;
    for (count += width; count >= 8; count -= 8, rest >>>= 8) bytes.push(rest & 255);
  };
  const codeOf = (run: readonly number[]) => run.length === 1 ? run[0]! : codes.get(run.join());
  write(clear);
  let run: number[] = [];
  for (const color of colors) {
    const longer = [...run, color];
    if (codeOf(longer) !== undefined) {
      run = longer;
      continue;
    }
    write(codeOf(run)!);
    if (next < 4096) {
      codes.set(longer.join(), next);
      if (next++ === 1 << width && width < 12) width++;
    } else {
      write(clear);
      codes = new Map();
      [next, width] = [end + 1, bits + 1];
    }
    run = [color];
  }
  if (run.length > 0) write(codeOf(run)!);
  write(end);
  if (count > 0) bytes.push(rest & 255);
  return bytes;
}

const blueOrRed = (x: number): Color => x < 3 ? [20, 60, 220] : [200, 30, 40];

/** The image of {@linkcode IMAGES}: blue on the left, red on the right, 6 by 4 pixels. */
export const BLUE_AND_RED: Uint8Array<ArrayBuffer> = png(6, 4, blueOrRed);

/** One small image as several programs write it, 6 by 4 pixels. */
export const IMAGES = {
  png: BLUE_AND_RED,
  jpeg: Uint8Array.fromBase64(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB" +
      "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P" +
      "T09PT09PT09PT09PT09PT0//wAARCAAEAAYDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAb/xAAYEAEAAwEAAAAA" +
      "AAAAAAAAAAAAAQMycf/EABUBAQEAAAAAAAAAAAAAAAAAAAIG/8QAGBEAAgMAAAAAAAAAAAAAAAAAAAIFNHH/2gAMAwEAAhED" +
      "EQA/AJ+nE9AGQsvpSR9VMP/Z",
  ),
  "progressive jpeg": Uint8Array.fromBase64(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB" +
      "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P" +
      "T09PT09PT09PT09PT09PT0//wgARCAAEAAYDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/xAAVAQEBAAAAAAAA" +
      "AAAAAAAAAAABBf/aAAwDAQACEAMQAAABngpf/8QAFRABAQAAAAAAAAAAAAAAAAAAAAH/2gAIAQEAAQUCj//EABcRAAMBAAAA" +
      "AAAAAAAAAAAAAAABBDP/2gAIAQMBAT8BnyR//8QAFxEAAwEAAAAAAAAAAAAAAAAAAAEEM//aAAgBAgEBPwGjRn//xAAUEAEA" +
      "AAAAAAAAAAAAAAAAAAAA/9oACAEBAAY/An//xAAVEAEBAAAAAAAAAAAAAAAAAAAAMf/aAAgBAQABPyGX/9oADAMBAAIAAwAA" +
      "ABAD/8QAFREBAQAAAAAAAAAAAAAAAAAAAKH/2gAIAQMBAT8Qhf/EABURAQEAAAAAAAAAAAAAAAAAAACh/9oACAECAQE/EK3/" +
      "xAAWEAADAAAAAAAAAAAAAAAAAAAAMXH/2gAIAQEAAT8QbT//2Q==",
  ),
  gif: Uint8Array.fromBase64(
    "R0lGODdhBgAEAIEAAMgeKBQ83AAAAAAAACwAAAAABgAEAAAIEAADCARAUGAAggAMIlRIMCAAOw==",
  ),
  bmp: bmp(6, 4, blueOrRed),
  "lossy webp": Uint8Array.fromBase64(
    "UklGRkgAAABXRUJQVlA4IDwAAADwAQCdASoGAAQAAsBMJagCdHIAqgAFgwAA/u3juii/fYj8l4gIZ/tm9QZPPv3h49Yrf/H/" +
      "pnx6xW9LAAA=",
  ),
  "lossless webp": Uint8Array.fromBase64(
    "UklGRiIAAABXRUJQVlA4TBYAAAAvBcAAAA9wHvFT0J6Je/6DB8WJ6H8A",
  ),
  "extended webp": Uint8Array.fromBase64(
    "UklGRnAAAABXRUJQVlA4WAoAAAAIAAAABQAAAwAAVlA4IDwAAADwAQCdASoGAAQAAsBMJagCdHIAqgAFgwAA/u3juii/fYj8" +
      "l4gIZ/tm9QZPPv3h49Yrf/H/pnx6xW9LAABFWElGDgAAAElJKgAIAAAAAAAAAAAA",
  ),
} as const;

/** An image as a data URL. */
export function dataUrl(file: Uint8Array, type = "image/png"): string {
  return `data:${type};base64,${file.toBase64()}`;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = joined([Uint8Array.from(ascii(type)), data]);
  const whole = new Uint8Array(body.length + 8);
  const view = new DataView(whole.buffer);
  view.setUint32(0, data.length);
  whole.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  return whole;
}

function ascii(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0));
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
