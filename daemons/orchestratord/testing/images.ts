/** The least that says what a PNG is: its header, without any pixel. */
export function png(width: number, height = width, length = 64): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.max(length, 33));
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  bytes.set([8, 2], 24);
  return bytes;
}

/** An image as a data: URL. */
export const dataUrl = (bytes: Uint8Array, type = "image/png") =>
  `data:${type};base64,${bytes.toBase64()}`;
