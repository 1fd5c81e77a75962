import { Buffer } from "node:buffer";
import { decode } from "jpeg-js";
import { BadMedia, type Pixels } from "./pixels.ts";

/** Most memory of one picture for each of its pixels, in bytes: coefficients, samples and colors. */
const BYTES_OF_PIXEL = 24;
const MIB = 1024 ** 2;

/**
 * Decodes a JPEG file, baseline or progressive. Pictures are not turned as their camera was.
 *
 * @param mostPixels Pixels that it may have; its memory is bounded by them.
 * @throws {BadMedia}
 */
export function decodeJpeg(file: Uint8Array, mostPixels: number): Pixels {
  try {
    const { width, height, data } = decode(Buffer.from(withoutGaps(file)), {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: true,
      maxResolutionInMP: mostPixels / 1e6,
      maxMemoryUsageInMB: 16 + BYTES_OF_PIXEL * mostPixels / MIB,
    });
    if (data.length !== 3 * width * height) throw new Error("its colors are of no known kind");
    return { width, height, rgb: Uint8Array.from(data) };
  } catch (error) {
    // The library fails in its own code where a file ends in the middle.
    const isTheirs = error instanceof TypeError || error instanceof RangeError;
    const reason = isTheirs ? "it ends early, or its parts do not fit" : (error as Error).message;
    throw new BadMedia(`is a damaged JPEG file: ${reason}`);
  }
}

const [PREFIX, SCAN, END] = [0xff, 0xda, 0xd9];

/** The file without bytes between its first segments, which other decoders pass over, and `jpeg-js` does not. */
function withoutGaps(file: Uint8Array): Uint8Array {
  const whole = new Uint8Array(file.length);
  whole.set(file.subarray(0, 2));
  let [from, to] = [2, 2];
  while (from + 4 <= file.length) {
    const [prefix, marker] = [file[from]!, file[from + 1]!];
    if (prefix !== PREFIX || marker === PREFIX || marker === 0) {
      from++;
      continue;
    }
    if (marker === SCAN || marker === END) break;
    const end = from + 2 + (file[from + 2]! << 8 | file[from + 3]!);
    whole.set(file.subarray(from, end), to);
    to += Math.min(end, file.length) - from;
    from = end;
  }
  whole.set(file.subarray(from), to);
  return whole.subarray(0, to + Math.max(0, file.length - from));
}
