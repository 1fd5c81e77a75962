import { readImageHeader } from "#shared/images/header.ts";
import { NO_SOUND, soundFormat } from "#shared/images/sound_format.ts";
import type { Image } from "../store/image_store.ts";

/** What an image may be. */
export interface ImageBounds {
  readonly max_bytes: number;
  readonly max_pixels: number;
}

/** Why an image cannot be taken, as the end of a sentence about its field. */
export class ImageRefusal extends Error {}

/**
 * The bytes in a data: URL.
 *
 * @throws {ImageRefusal}
 */
export function readDataUrl(url: string, { max_bytes }: ImageBounds): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(",");
  if (!/^data:/i.test(url)) throw new ImageRefusal("must be a data: or http(s) URL");
  if (comma < 0 || !/;\s*base64$/i.test(url.slice(0, comma))) {
    throw new ImageRefusal("must have its bytes in base64: data:image/png;base64,…");
  }
  const text = url.slice(comma + 1);
  if (text.length * 3 / 4 > max_bytes + 3) throw tooLarge(max_bytes);
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw new ImageRefusal("is not valid base64");
  }
}

/**
 * The image in some bytes; only its header is read.
 *
 * @throws {ImageRefusal}
 */
export async function readImage(
  data: Uint8Array<ArrayBuffer>,
  { max_bytes, max_pixels }: ImageBounds,
): Promise<Image> {
  if (data.byteLength > max_bytes) throw tooLarge(max_bytes);
  const header = readImageHeader(data);
  if ("reason" in header) throw new ImageRefusal(header.reason);
  const { format, width, height } = header;
  if (width * height > max_pixels) {
    throw new ImageRefusal(
      `has ${width} × ${height} pixels: at most ${max_pixels} are allowed (images.max_pixels)`,
    );
  }
  return { sha256: await hashOf(data), format, data };
}

/**
 * The sound in some bytes; only the name of its format is read. Its engine decodes it.
 *
 * @throws {ImageRefusal}
 */
export async function readSound(
  data: Uint8Array<ArrayBuffer>,
  { max_bytes }: Pick<ImageBounds, "max_bytes">,
): Promise<Image> {
  if (data.byteLength > max_bytes) throw tooLarge(max_bytes);
  const format = soundFormat(data);
  if (!format) throw new ImageRefusal(NO_SOUND);
  return { sha256: await hashOf(data), format, data };
}

async function hashOf(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
}

function tooLarge(maxBytes: number): ImageRefusal {
  return new ImageRefusal(`is larger than ${maxBytes} bytes (images.max_bytes)`);
}
