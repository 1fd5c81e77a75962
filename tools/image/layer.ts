import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { digestOf } from "../build/archive.ts";
import { type Entry, inOrder } from "./entries.ts";
import { type Descriptor, MEDIA_TYPES } from "./oci.ts";
import { tarOf } from "./tar.ts";

/** A layer whose blob was written. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of what is packed. */
  readonly diffId: string;
  /** How it was made, for people. */
  readonly createdBy: string;
}

/**
 * Writes a layer. The same entries give the same bytes.
 *
 * @param blobs Folder of blobs, by SHA-256.
 */
export async function writeLayer(
  blobs: string,
  entries: Iterable<Entry>,
  createdBy: string,
): Promise<Layer> {
  const aside = join(blobs, ".layer");
  const whole = createHash("sha256");
  const hashed = new Transform({
    transform(chunk, _, done) {
      whole.update(chunk);
      done(null, chunk);
    },
  });
  // Deno's zlib gives the same bytes on every machine.
  await pipeline(
    tarOf(inOrder(entries)),
    hashed,
    createGzip({ level: 6 }),
    createWriteStream(aside),
  );
  const { size, sha256 } = await digestOf(aside);
  await Deno.rename(aside, join(blobs, sha256));
  return {
    descriptor: { mediaType: MEDIA_TYPES.layer, digest: `sha256:${sha256}`, size },
    diffId: `sha256:${whole.digest("hex")}`,
    createdBy,
  };
}
