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
    const { width, height, data } = decode(Buffer.from(file.buffer, file.byteOffset, file.length), {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: true,
      maxResolutionInMP: mostPixels / 1e6,
      maxMemoryUsageInMB: 16 + BYTES_OF_PIXEL * mostPixels / MIB,
    });
    if (data.length !== 3 * width * height) throw new Error("its colors are of no known kind");
    return { width, height, rgb: Uint8Array.from(data) };
  } catch (error) {
    throw new BadMedia(`is a damaged JPEG file: ${(error as Error).message}`);
  }
}
