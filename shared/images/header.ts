/** Formats of images that {@linkcode readImageHeader} knows. */
export type ImageFormat = "png" | "jpeg" | "webp" | "gif";

/** What an image says of itself; the size in pixels. */
export interface ImageHeader {
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
}

/**
 * Reads an image's format and size without decoding it. Of a GIF, the size is that of the whole picture,
 * in which every frame lies.
 *
 * Sources: PNG 3rd edition 5.2 and 11.2.1; ITU-T T.81 B.1.1.3 and B.2.2; RFC 9649 (WebP) 2.5 to 2.7 and
 * 3.4; GIF89a 17 and 18.
 *
 * @returns the header, or why there is none
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | string {
  const header = readPng(bytes) ?? readGif(bytes) ?? readWebp(bytes) ?? readJpeg(bytes);
  if (header === undefined) return "it is neither PNG, JPEG, WebP nor GIF";
  if (typeof header === "string") return header;
  return header.width > 0 && header.height > 0 ? header : "its size is 0";
}

type Found = ImageHeader | string | undefined;

const CUT = "it is cut off in its header";

const startsWith = (bytes: Uint8Array, text: string, at = 0) =>
  bytes.length >= at + text.length &&
  [...text].every((character, index) => bytes[at + index] === character.charCodeAt(0));

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function readPng(bytes: Uint8Array): Found {
  if (!startsWith(bytes, "\x89PNG\r\n\x1a\n")) return undefined;
  if (bytes.length < 24) return CUT;
  if (!startsWith(bytes, "IHDR", 12)) return "its first chunk is not IHDR";
  const view = viewOf(bytes);
  return { format: "png", width: view.getUint32(16), height: view.getUint32(20) };
}

function readGif(bytes: Uint8Array): Found {
  if (!startsWith(bytes, "GIF87a") && !startsWith(bytes, "GIF89a")) return undefined;
  if (bytes.length < 10) return CUT;
  const view = viewOf(bytes);
  return { format: "gif", width: view.getUint16(6, true), height: view.getUint16(8, true) };
}

function readWebp(bytes: Uint8Array): Found {
  if (!startsWith(bytes, "RIFF") || !startsWith(bytes, "WEBP", 8)) return undefined;
  if (bytes.length < 30) return CUT;
  const view = viewOf(bytes);
  if (startsWith(bytes, "VP8 ", 12)) {
    if (!startsWith(bytes, "\x9d\x01\x2a", 23)) return "its first frame is no key frame";
    const [width, height] = [view.getUint16(26, true), view.getUint16(28, true)];
    // The upper two bits are a scale for the screen.
    return { format: "webp", width: width & 0x3fff, height: height & 0x3fff };
  }
  if (startsWith(bytes, "VP8L", 12)) {
    if (bytes[20] !== 0x2f) return "its lossless frame has no signature";
    const packed = view.getUint32(21, true);
    return { format: "webp", width: (packed & 0x3fff) + 1, height: (packed >>> 14 & 0x3fff) + 1 };
  }
  if (startsWith(bytes, "VP8X", 12)) {
    const at = (offset: number) => view.getUint16(offset, true) + (bytes[offset + 2]! << 16) + 1;
    return { format: "webp", width: at(24), height: at(27) };
  }
  return "its first chunk is not VP8, VP8L or VP8X";
}

/** Markers of JPEG that stand alone, without a length. */
const isAlone = (marker: number) => marker === 0x01 || marker >= 0xd0 && marker <= 0xd8;

/** Frame headers, which have the size: SOF0 to SOF15 without DHT, JPG and DAC. */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

function readJpeg(bytes: Uint8Array): Found {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8 || bytes[2] !== 0xff) return undefined;
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) return "it has data where a marker must be";
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // A marker may follow any number of fill bytes.
      continue;
    }
    if (isAlone(marker)) {
      at += 2;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) return "its data begin before a frame header";
    if (isFrame(marker)) {
      if (at + 9 > bytes.length) return CUT;
      return { format: "jpeg", width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    const length = view.getUint16(at + 2);
    if (length < 2) return "a part of its header has no length";
    at += 2 + length;
  }
  return CUT;
}
