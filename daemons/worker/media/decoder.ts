/**
 * The thread that decodes pictures. It has no permissions: files that people made are read here, and nothing
 * that they may cause reaches a file, the network or C.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { decodeImage } from "./decode.ts";
import { BadMedia, type Pixels } from "./pixels.ts";

/** A picture to decode. */
export interface DecodeOrder {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly mostPixels: number;
}

/** The picture, or why it cannot be read. */
export type DecodeReply = { readonly pixels: Pixels } | { readonly reason: string };

self.onmessage = async ({ data: { file, mostPixels } }: MessageEvent<DecodeOrder>) => {
  try {
    const pixels = await decodeImage(file, mostPixels);
    self.postMessage({ pixels } satisfies DecodeReply, [pixels.rgb.buffer]);
  } catch (error) {
    // Whatever else a file makes a decoder say is said of the file.
    const reason = error instanceof BadMedia ? error.message : "cannot be decoded";
    self.postMessage({ reason } satisfies DecodeReply);
  }
};
