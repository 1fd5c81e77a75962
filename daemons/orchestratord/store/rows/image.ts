import type { Image, ImageFacts } from "../image_store.ts";
import type { Row } from "./row.ts";

export function toImageFacts(row: Row): ImageFacts {
  return {
    sha256: String(row["sha256"]),
    format: row["format"] as ImageFacts["format"],
    bytes: Number(row["bytes"]),
  };
}

/** Joins an image's parts, which are in order. */
export function toImage(facts: ImageFacts, parts: Iterable<Row>): Image {
  const { sha256, format, bytes } = facts;
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    const piece = part["data"] as Uint8Array;
    data.set(piece, at);
    at += piece.byteLength;
  }
  return { sha256, format, data };
}
