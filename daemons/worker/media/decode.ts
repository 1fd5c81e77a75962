import { readImageHeader } from "#shared/images/header.ts";
import { BadMedia, type Pixels } from "./pixels.ts";
import { decodeJpeg } from "./jpeg.ts";
import { decodePng } from "./png.ts";

/**
 * Decodes a picture. Its bounds hold before anything is unpacked.
 *
 * @param mostPixels Pixels that it may have.
 * @throws {BadMedia}
 */
export function decodeImage(file: Uint8Array, mostPixels: number): Pixels {
  const header = readImageHeader(file);
  if ("reason" in header) throw new BadMedia(header.reason);
  const { format, width, height } = header;
  if (width * height > mostPixels) {
    throw new BadMedia(`has ${width} × ${height} pixels: at most ${mostPixels} are allowed`);
  }
  switch (format) {
    case "png":
      return decodePng(file, mostPixels);
    case "jpeg":
      return decodeJpeg(file, mostPixels);
    default:
      throw new BadMedia(
        `is a ${format.toUpperCase()} file, which this engine cannot decode: send PNG or JPEG`,
      );
  }
}
