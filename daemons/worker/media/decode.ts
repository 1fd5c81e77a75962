import { readImageHeader } from "#shared/images/header.ts";
import { decodeBmp } from "./bmp.ts";
import { decodeGif } from "./gif.ts";
import { decodeJpeg } from "./jpeg.ts";
import { BadMedia, type Pixels } from "./pixels.ts";
import { decodePng } from "./png.ts";
import { decodeWebp } from "./webp.ts";

/**
 * Decodes a picture. Its bounds hold before anything is unpacked.
 *
 * @param mostPixels Pixels that it may have.
 * @throws {BadMedia}
 */
export async function decodeImage(file: Uint8Array, mostPixels: number): Promise<Pixels> {
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
    case "gif":
      return decodeGif(file, mostPixels);
    case "bmp":
      return decodeBmp(file, mostPixels);
    case "webp":
      return await decodeWebp(file, mostPixels);
  }
}
